"""The ledger's configuration: every mistake is one clear sentence."""

import pytest

from backend_sync.config import ConfigError, as_settings, read_config


@pytest.mark.requirement("D18")
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = ", "no TOML"),
        ("colour = 1", "colour: no such setting"),
        ("broker = 5", "broker.: wanted a table"),
        ('[broker]\ncafile = "ca.crt"', "broker.certfile: missing, wanted text"),
        ("[broker]\nport = 0", "broker.port: 0, wanted 1..65535"),
        ('[broker]\nport = "x"', "broker.port: 'x', wanted 1..65535"),
        ("database = 5", "database: 5, wanted text"),
        ("[intake]\ngroup_entries = 0", "intake.group_entries: 0"),
        ("[lease]\nhours = 10\nrenew_hours = 10", "lease.renew_hours: 10, wanted less"),
        ("[lease]\nmax_taps = 20000000", "lease.max_taps: 20000000, wanted 0..16777215"),
        ("[boards.bus]\ntarif = 5", "boards.bus.tarif: no such setting"),
    ],
)
def test_a_wrong_setting_is_one_clear_sentence(tmp_path, text, sentence):
    path = tmp_path / "ledger.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.requirement("D18")
def test_capacities_are_those_of_the_smallest_board(tmp_path):
    path = tmp_path / "ledger.toml"
    path.write_text("[boards.a]\ntariff = 100\nhotlist = 5\n[boards.b]\ntariff = 90\n")
    assert read_config(path).capacities == {1: 90, 2: 5}


def test_the_settings_are_shown_without_the_databases_password(tmp_path):
    path = tmp_path / "ledger.toml"
    path.write_text('database = "postgresql+psycopg://tornello_ledger:geheim@db/tornello"')
    shown = as_settings(read_config(path))["database"]
    assert shown == "postgresql+psycopg://tornello_ledger:***@db/tornello"
