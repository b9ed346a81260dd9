"""The broker's shipped configuration, with real certificates, under a real mosquitto."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from backend_sync.cli import main as backend
from backend_sync.edge_states import read_holdings
from backend_sync.keyring.local import LocalKeyring
from backend_sync.tls import client_context
from edge_agent.__main__ import main
from edge_agent.store import Store
from tests import system_packages
from tests.backend_sync import sealed_devices as sd
from tests.backend_sync.deployed_broker import (
    AREA,
    PATIENCE_S,
    DeployedBroker,
    certificates,
    until,
)

OWN, OTHER = f"tornello/v1/{AREA}/depot-1", f"tornello/v1/{AREA}/depot-2"
ROOT = Path(__file__).resolve().parents[2]
CONNACK = b" "
UID = "04aabbccddee80"
LONGEST = 16 << 20  # max_packet_size of mosquitto.conf
VERIFY_FAILED = "certificate verify failed"
pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    command = shutil.which("mosquitto")
    if command is None:
        pytest.skip(system_packages.reason_without("mosquitto"))
    folder = tmp_path_factory.mktemp("broker")
    hosts = ("--broker", "localhost", "--broker", "127.0.0.1")
    edges = ("--edge", "depot-1", "--edge", "depot-2", "--edge", "depot-3")
    certificates(folder / "made", *hosts, *edges)
    made = DeployedBroker(command, folder, folder / "made")
    yield made
    made.close()


@pytest.fixture
def peers(broker):
    made = []

    def peer(*arguments):
        made.append(broker.peer(*arguments))
        return made[-1]

    yield peer
    for one in made:
        one.close()


@pytest.mark.requirement("T10", "D17")
def test_an_edge_speaks_on_its_own_topics_and_the_ledger_hears_it(peers):
    ledger = peers("ledger").listen("tornello/v1/+/+/up", "tornello/v1/+/+/state")
    edge = peers("depot-1").listen(f"{OWN}/ack", f"{OWN}/down")
    edge.say(f"{OWN}/up", b"batch")
    edge.say(f"{OWN}/state", b"birth")
    until(lambda: len(ledger.got) == 2, "batch and birth")
    ledger.say(f"{OWN}/ack", b"acknowledgement")
    ledger.say(f"{OWN}/down", b"package")
    until(lambda: len(edge.got) == 2, "acknowledgement and package")
    assert sorted(ledger.got) == [(f"{OWN}/state", b"birth"), (f"{OWN}/up", b"batch")]
    assert sorted(edge.got) == [(f"{OWN}/ack", b"acknowledgement"), (f"{OWN}/down", b"package")]


@pytest.mark.requirement("T10", "T12", "D17")
def test_an_edge_says_and_hears_nothing_on_topics_of_others(peers):
    ledger = peers("ledger").listen("tornello/v1/+/+/up", "tornello/v1/+/+/state")
    edge = peers("depot-1").listen("#", f"{OTHER}/ack", f"{OTHER}/up")
    victim = peers("depot-2").listen(f"{OTHER}/ack", f"{OTHER}/down")
    for topic in (f"{OTHER}/up", f"{OTHER}/state", f"{OTHER}/ack", f"{OTHER}/down",
                  f"{OWN}/ack", f"{OWN}/down", "tornello/v1/1/depot-1/up", "$SYS/x"):  # fmt: skip
        edge.say(topic, b"forged")
    victim.say(f"{OTHER}/up", b"genuine")
    ledger.say(f"{OTHER}/ack", b"for depot-2")
    ledger.say(f"{OWN}/ack", b"for depot-1")
    until(lambda: ledger.got and victim.got and edge.got, "what may come")
    assert ledger.got == [(f"{OTHER}/up", b"genuine")]
    assert victim.got == [(f"{OTHER}/ack", b"for depot-2")]
    assert {got for got in edge.got if not got[0].startswith("$SYS")} == {
        (f"{OWN}/ack", b"for depot-1")
    }


@pytest.mark.requirement("T10", "T11")
def test_an_edge_that_calls_itself_the_ledger_does_not_take_its_place(peers):
    ledger = peers("ledger").listen("tornello/v1/+/+/up")
    impostor = peers("depot-1", "ledger").listen(f"{OWN}/ack")
    impostor.say("tornello/v1/1/depot-9/up", b"forged")
    impostor.say(f"{OWN}/up", b"still an edge")
    until(lambda: ledger.got, "what an edge may say")
    assert (ledger.got, ledger.lost) == ([(f"{OWN}/up", b"still an edge")], 0)


@pytest.mark.requirement("T10", "T12")
def test_who_has_no_good_certificate_is_not_let_in(broker, tmp_path):
    ours = broker.files("depot-3")[0]
    assert broker.refuses(None, "wrong version number")  # no TLS at all
    bare = ssl.create_default_context(cafile=ours)
    assert broker.refuses(bare, "peer did not return a certificate")
    certificates(tmp_path / "theirs", "--broker", "127.0.0.1", "--edge", "depot-3")
    theirs = tmp_path / "theirs" / "edges" / "depot-3"
    foreign = client_context(ours, theirs / "edge.crt", theirs / "edge.key")
    assert broker.refuses(foreign, VERIFY_FAILED)
    old = client_context(*broker.files("depot-3"))
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
    assert broker.refuses(old, "unsupported protocol")
    good = client_context(*broker.files("depot-3"))
    assert broker.answer(good) == CONNACK
    assert broker.answer(good, host="elsewhere.example") == b""  # it is we who refuse that one


@pytest.mark.requirement("T10", "T23")
def test_what_is_longer_than_any_package_ends_its_connection_alone(broker, peers):
    ledger, edge = peers("ledger").listen("tornello/v1/+/+/up"), peers("depot-1")
    edge.client.publish(f"{OWN}/up", bytes(LONGEST + 1), 1)
    until(lambda: edge.lost, "the end of the connection")
    edge.client.disconnect()
    other = peers("depot-2")
    other.say(f"{OTHER}/up", bytes(8 << 20))  # a hotlist of a million cards is shorter
    until(lambda: ledger.got, "what is not too long")
    assert [(topic, len(payload)) for topic, payload in ledger.got] == [(f"{OTHER}/up", 8 << 20)]
    assert ledger.lost == 0


@pytest.mark.requirement("T10")
def test_a_revoked_certificate_ends_with_the_next_list_and_a_renewed_one_goes_on(broker):
    old = client_context(*broker.files("depot-3"))
    certificates(broker.made, "--renew", "depot-3")
    renewed = client_context(*broker.files("depot-3"))
    assert (broker.answer(old), broker.answer(renewed)) == (CONNACK, CONNACK)
    certificates(broker.made, "--revoke", "depot-3")
    broker.reload()
    assert broker.refuses(old, VERIFY_FAILED) and broker.refuses(renewed, VERIFY_FAILED)
    assert "user depot-3" not in (broker.made / "broker" / "acl").read_text()
    certificates(broker.made, "--edge", "depot-3")
    broker.reload()
    assert broker.answer(client_context(*broker.files("depot-3"))) == CONNACK
    assert broker.refuses(old, VERIFY_FAILED)


@pytest.fixture
def machines(broker, tmp_path):
    """Keyring, ledger and edge as their configurations want them; the edge holds 30 entries."""
    keys = sd.keyring_folder(tmp_path / "keyring")
    sd.keyring_registered(keys)
    ring = LocalKeyring(keys)
    publics = [bytes(public).hex() for _, public in ring.assemble("publics", {})]
    ring.close()
    for name, file in (("ledger", "ledger"), ("depot-1", "edge")):
        files = dict(zip(("cafile", "certfile", "keyfile"), broker.files(name), strict=True))
        text = f"authority = {sd.AUTHORITY}\n"
        text += 'edge = "depot-1"\nresend_ms = 500\n' if file == "edge" else ""
        text += f'[broker]\nhost = "127.0.0.1"\nport = {broker.port}\n'
        text += "".join(f'{key} = "{path}"\n' for key, path in files.items())
        text += f"[ledger]\npublics = {json.dumps(publics)}\n" if file == "edge" else ""
        (tmp_path / f"{file}.toml").write_text(text)
    device, epoch, first, before, slots = sd.SealedDevice(sd.root_key(keys)).run(
        [sd.refusal(1)] * 30
    )
    (tmp_path / "edge-data").mkdir()
    store = Store(tmp_path / "edge-data" / "edge.db")
    store.outbox.add(device, epoch, first, before, slots, sd.NOW)
    store.close()
    started = []

    def start(*command):
        with (tmp_path / f"{command[1]}.log").open("wb") as log:
            program = [sys.executable, "-m", *command]
            started.append(
                subprocess.Popen(program, stdout=log, stderr=log, cwd=tmp_path,
                                 env={**os.environ, "PYTHONPATH": str(ROOT),
                                      "NOTIFY_SOCKET": str(tmp_path / command[1])})
            )  # fmt: skip

    yield tmp_path, start, started
    for process in started:
        process.kill()
        process.wait()


class Systemd:
    """The end that hears what programs tell their supervisor."""

    def __init__(self, path):
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.line.bind(str(path))
        self.line.setblocking(False)

    def heard(self):
        found = set()
        try:
            while True:
                found.add(self.line.recv(100).decode())
        except BlockingIOError:
            self.line.close()
        return found


def events(log):
    """Return the events of a program's log; what is no JSON it said to a person."""
    lines = [line for line in log.read_text().splitlines() if line.startswith("{")]
    return [json.loads(line)["event"] for line in lines]


def said(path):
    try:
        return json.loads(path.read_text())
    except OSError:
        return {}


@pytest.mark.requirement("W-131", "D16", "D17", "T10")
def test_entries_go_from_an_edge_over_mosquitto_with_tls_to_the_ledger_and_are_acknowledged(
    machines, peers, capsys
):
    folder, start, started = machines
    systemd = {name: Systemd(folder / name) for name in ("serve", "edge")}
    start("backend_sync", "keyring", "serve", "keyring")
    start("backend_sync", "serve", "--config", "ledger.toml")
    start("edge_agent", "edge", "run", "--config", "edge.toml")
    edge, ledger = folder / "edge-data" / "status.json", folder / "ledger-status.json"
    until(lambda: said(edge).get("acked") == 30, "acknowledgements")
    noisy = peers("depot-2")
    for kind in ("up", "state"):
        noisy.say(f"{OTHER}/{kind}", f'{{"uid": "{UID}"'.encode())
    until(lambda: said(ledger).get("quarantined"), "noise put aside")
    until(lambda: said(ledger).get("posted") == 30 and read_holdings(folder)["edges"], "figures")
    figures = [main(["edge", "status", "--figures", "--config", str(folder / "edge.toml")])]
    figures.append(backend(["serve", "--figures", "--config", str(folder / "ledger.toml")]))
    assert figures == [0, 0]
    for process in started[::-1]:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    assert (said(edge)["unsent"], said(edge)["forged_acks"]) == (0, 0)
    assert (said(ledger)["posted"], said(ledger)["quarantined"]) == (30, 1)
    figures = capsys.readouterr().out.splitlines()
    for line in ("tornello_edge_stored_total 30", "tornello_edge_unsent 0",
                 "tornello_edge_broker_connected 1", "tornello_edge_running 1",
                 "tornello_service_posted_total 30", "tornello_service_broker_connected 1",
                 'tornello_edges{online="yes"} 1'):  # fmt: skip
        assert line in figures, figures
    for one in systemd.values():
        assert one.heard() == {"READY=1", "WATCHDOG=1", "STOPPING=1"}
    lines = {name: events(folder / f"{name}.log") for name in ("serve", "edge")}
    assert {"ready", "broker", "edge", "running", "put aside", "stopped"} <= {*lines["serve"]}
    assert {"running", "broker", "stopped"} <= {*lines["edge"]}
    for name in lines:
        text = (folder / f"{name}.log").read_text()
        assert sd.uid(1).hex() not in text.lower() and UID not in text and "slot" not in text
