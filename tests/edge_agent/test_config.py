"""The configuration: every mistake is one sentence that says where."""

from pathlib import Path

import pytest

from edge_agent.cli import main
from edge_agent.config import ConfigError, read_config

KEY = "ab" * 32
GOOD = f"""edge = "depot-1"
authority = 7
retention_days = 40
[broker]
host = "broker.example"
port = 8883
cafile = "ca.crt"
certfile = "edge.crt"
keyfile = "/keys/edge.key"
[ledger]
publics = ["{KEY}"]
[[dock]]
port = "/dev/tornello-dock"
[[dock]]
port = "/dev/ttyUSB1"
name = "right"
baud = 115200
"""


def read(tmp_path, text):
    (tmp_path / "edge.toml").write_text(text)
    return read_config(tmp_path / "edge.toml")


@pytest.mark.requirement("D17")
def test_a_whole_configuration_is_read_with_defaults(tmp_path):
    config = read(tmp_path, GOOD)
    assert config.topic("up") == "tornello/v1/7/depot-1/up"
    assert config.broker.tls == (
        tmp_path / "ca.crt", tmp_path / "edge.crt", Path("/keys/edge.key")
    )  # fmt: skip
    assert config.retention_seconds == 40 * 86400
    assert config.database == tmp_path / "edge-data" / "edge.db"
    assert [(dock.name, dock.baud) for dock in config.docks] == [
        ("tornello-dock", 921600),
        ("right", 115200),
    ]
    assert list(config.publics.values()) == [bytes.fromhex(KEY)]
    assert read(tmp_path, 'edge = "a"\nauthority = 0').retention_seconds == 30 * 86400


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (('edge = "depot-1"', ""), "edge is missing"),
        (('edge = "depot-1"', 'edge = "Depot"'), "edge: 'Depot' is not 1..24"),
        (('edge = "depot-1"', "edge = 1"), "edge: 1 is not a text"),
        (("authority = 7", "authority = 256"), "authority: 256 is not 0..255"),
        (("authority = 7", "authority = true"), "authority: True is not"),
        (("retention_days = 40", "retention_days = 0"), "retention_days: 0 is not 1..3650"),
        (("retention_days", "retension_days"), "retension_days is not known here"),
        (("port = 8883", "port = 99999"), "broker: port: 99999 is not 1..65535"),
        (("cafile", "ca_file"), "broker: cafile is missing; TLS wants cafile, certfile, keyfile"),
        (("host", "hots"), "broker: hots is not known here"),
        ((KEY, "zz"), "ledger: publics: 'zz' is not an Ed25519 key"),
        (('port = "/dev/ttyUSB1"', ""), r"dock\[1\]: port is missing"),
        (("/dev/ttyUSB1", "/dev/tornello-dock"), "two docks name the same port"),
        (("[broker]", "[[broker]]"), "broker: wanted a table"),
        (("[[dock]]", "[dock"), "not TOML"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path, change, sentence):
    with pytest.raises(ConfigError, match=sentence):
        read(tmp_path, GOOD.replace(*change))


def test_commands_without_a_configuration_or_an_agent_say_what_to_do(tmp_path, capsys):
    assert main(["status", "--config", str(tmp_path / "none.toml")]) == 2
    assert "No such file or directory; name one with --config" in capsys.readouterr().err
    read(tmp_path, GOOD)
    assert main(["status", "--config", str(tmp_path / "edge.toml")]) == 1
    assert "start the agent with `tornello edge run`" in capsys.readouterr().err
    assert main(["outbox", "ls", "--config", str(tmp_path / "edge.toml")]) == 1
    assert "nothing was ever stored here" in capsys.readouterr().err
