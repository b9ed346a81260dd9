"""`tornello deploy certificates`, and what programs say of files of TLS that do not serve."""

import json
import stat
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from backend_sync.app import main as serve
from backend_sync.cli import main
from backend_sync.deploy.authority import BROKER, EDGE, LEDGER, Authority
from edge_agent.__main__ import main as edge

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def command(folder, *words):
    return main(["deploy", "certificates", str(folder), *words])


@pytest.fixture
def made(tmp_path):
    folder = tmp_path / "made"
    assert command(folder, "--broker", "a.example", "--broker", "10.0.0.1", "--authority", "7",
                   "--edge", "depot-1") == 0  # fmt: skip
    return folder


def acl_of(folder):
    return (folder / "broker" / "acl").read_text()


@pytest.mark.requirement("T10", "D17")
def test_a_folder_a_machine_holds_what_it_needs_and_no_other_key(made):
    files = {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()}
    assert files == {
        "authority/ca.key", "authority/ca.crt", "authority/issued.json",
        "broker/ca.crt", "broker/broker.crt", "broker/broker.key", "broker/crl.pem", "broker/acl",
        "ledger/ca.crt", "ledger/ledger.crt", "ledger/ledger.key",
        "edges/depot-1/ca.crt", "edges/depot-1/edge.crt", "edges/depot-1/edge.key",
    }  # fmt: skip
    for path in made.rglob("*.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((made / "authority").stat().st_mode) == 0o700
    broker = x509.load_pem_x509_certificate((made / "broker" / "broker.crt").read_bytes())
    names = broker.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["a.example", "10.0.0.1"]


@pytest.mark.requirement("T10")
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--edge", "depot-2"], "--edge: whose? Say --authority N"),
        (["--authority", "7", "--edge", "depot-1"], "depot-1: has a certificate already"),
        (["--authority", "8", "--edge", "depot-1"], "depot-1: has a certificate already"),
        (["--authority", "7", "--edge", "ledger"], "--edge 'ledger': wanted 1..24 of a-z"),
        (["--authority", "7", "--edge", "a/+"], "--edge 'a/+': wanted 1..24 of a-z"),
        (["--authority", "256", "--edge", "b"], "--authority 256: wanted 0..255"),
        (["--broker", "b.example"], "broker: has a certificate already; --renew broker"),
        (["--renew", "depot-9"], "--edge depot-9 gives one that was taken back a new one, and DIR"),
        (["--revoke", "depot-9"], "depot-9: has no good certificate here"),
        (["--days", "0"], "--days 0: wanted 1..3650"),
    ],
)
def test_what_is_not_done_is_said_and_changes_nothing(made, capsys, words, sentence):
    before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    assert command(made, *words) == 1
    said = capsys.readouterr().err
    assert sentence in said and said.count("\n") == 1
    assert {path: path.read_bytes() for path in made.rglob("*") if path.is_file()} == before


def test_a_folder_without_an_authority_is_not_made_by_mistake(tmp_path, capsys):
    assert command(tmp_path / "typo", "--revoke", "depot-1") == 1
    assert "no authority yet; --broker HOST makes it" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()


def test_a_key_that_lies_there_is_never_replaced(made, capsys):
    place = made / "edges" / "depot-2"
    place.mkdir()
    (place / "edge.key").write_text("somebody's")
    assert command(made, "--authority", "7", "--edge", "depot-2") == 1
    assert "is there already and is never replaced" in capsys.readouterr().err
    assert (place / "edge.key").read_text() == "somebody's"
    assert "depot-2" not in acl_of(made)


@pytest.mark.requirement("T10")
def test_an_edge_that_moves_to_another_authority_loses_its_old_topics(made):
    assert command(made, "--revoke", "depot-1") == 0
    assert "user depot-1" not in acl_of(made)
    assert command(made, "--authority", "9", "--edge", "depot-1") == 0
    assert "tornello/v1/9/depot-1/up" in acl_of(made) and "/7/depot-1" not in acl_of(made)


def test_certificates_end_and_never_after_their_authority(tmp_path):
    authority = Authority(tmp_path, NOW, 730)
    authority.found()
    authority.add(BROKER, "broker", hosts=["a.example"])
    authority.add(LEDGER, "ledger")
    late = Authority(tmp_path, NOW + timedelta(days=3600), 730)
    late.add(EDGE, "depot-1", 7)
    late.renew("broker")
    ends = {row["name"]: row["until"] for row in
            json.loads((tmp_path / "authority" / "issued.json").read_text())}  # fmt: skip
    assert ends == {"broker": "2036-11-19", "ledger": "2028-11-21", "depot-1": "2036-11-19"}
    renewed = x509.load_pem_x509_certificate((tmp_path / "broker" / "broker.crt").read_bytes())
    names = renewed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["a.example"]
    crl = x509.load_pem_x509_crl((tmp_path / "broker" / "crl.pem").read_bytes())
    assert crl.next_update_utc == NOW + timedelta(days=3650)


@pytest.mark.requirement("D17")
@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda place: (place / "edge.key").unlink(), "edge.key: No such file or directory"),
        (lambda place: (place / "ca.crt").write_text("x"), "ca.crt: no certificate of an"),
        (lambda place: (place / "edge.crt").write_text("x"), "no certificate with its own key"),
        (lambda place: (place / "edge.key").write_bytes(
            (place.parents[1] / "ledger" / "ledger.key").read_bytes()), "with its own key"),
    ],
)  # fmt: skip
def test_ledger_and_edge_say_before_they_start_which_file_does_not_serve(
    made, tmp_path, capsys, spoil, sentence
):
    place = made / "edges" / "depot-1"
    spoil(place)
    tls = "".join(
        f'{key} = "made/edges/depot-1/{name}"\n'
        for key, name in (("cafile", "ca.crt"), ("certfile", "edge.crt"), ("keyfile", "edge.key"))
    )
    (tmp_path / "ledger.toml").write_text(f"[broker]\n{tls}")
    (tmp_path / "edge.toml").write_text(f'edge = "depot-1"\nauthority = 7\n[broker]\n{tls}')
    assert serve(["--config", str(tmp_path / "ledger.toml"), "--check"]) == 1
    assert sentence in capsys.readouterr().err
    assert edge(["edge", "run", "--config", str(tmp_path / "edge.toml")]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.requirement("T10")
def test_an_edge_with_another_ones_certificate_does_not_start(made, tmp_path, capsys):
    place = made / "edges" / "depot-1"
    files = {"cafile": "ca.crt", "certfile": "edge.crt", "keyfile": "edge.key"}
    tls = "".join(f'{key} = "{place / name}"\n' for key, name in files.items())
    words = f'edge = "depot-7"\nauthority = 7\n[broker]\n{tls}'
    (tmp_path / "edge.toml").write_text(words)
    assert edge(["edge", "run", "--config", str(tmp_path / "edge.toml")]) == 2
    assert "the certificate of 'depot-1', but `edge` is 'depot-7'" in capsys.readouterr().err
