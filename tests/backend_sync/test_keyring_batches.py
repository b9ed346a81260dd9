"""Batches that were given out: the keyring signs no others of their numbers, whoever asks."""

import json
import sqlite3

import pytest

from backend_sync.keyring.local import LocalKeyring
from backend_sync.keyring.main import main
from backend_sync.ports import KeyringRefused
from card_layouts.settlement.batch import FIELDS, RANGES, SCHEMA, body_hash, encode_body
from tests.backend_sync import sealed_devices as sd

pytestmark = pytest.mark.requirement("D25", "I10")


@pytest.fixture
def ring(tmp_path):
    ring = sd.keyring(tmp_path / "keyring")
    yield ring
    ring.close()


def body_of(number, previous=b"", day=9):
    """Return the body of a batch that closes nothing; `day` is its content."""
    values = {name: kind() for name, kind in FIELDS}
    values |= {"schema": SCHEMA, "number": number, "day": day, "previous": previous}
    return encode_body(values | {"ranges": [[1, 0]] * RANGES, "sums": [0] * 4})


def chain_of(count, first=b""):
    """Return bodies 1 to `count`, each with the hash of the one before."""
    bodies, before = [], first
    for number in range(1, count + 1):
        bodies.append(body_of(number, before))
        before = body_hash(bodies[-1])
    return bodies


def settled(ring, *bodies):
    """Say that batches 1, 2, ... stand; return what the keyring remembers."""
    given = [[number, body_hash(body)] for number, body in enumerate(bodies, 1)]
    return ring.assemble("settled", {"batches": given})


def test_what_was_signed_and_never_committed_is_closed_again_with_other_contents(ring):
    for day in (1, 2, 3):
        assert len(ring.sign("settlement", [body_of(1, day=day)])[0]) == 68
    assert ring.assemble("settled", {"batches": []}) == []


def test_a_batch_that_stands_is_signed_again_and_no_other_of_its_number(ring):
    first, second = chain_of(2)
    (signature,) = ring.sign("settlement", [first])
    known = [[1, body_hash(first)], [2, body_hash(second)]]
    assert settled(ring, first, second) == settled(ring, first) == known
    assert ring.sign("settlement", [first]) == [signature]
    with pytest.raises(KeyringRefused) as caught:
        ring.sign("settlement", [body_of(2, body_hash(first), day=8)])
    assert str(caught.value) == (
        f"batch 2 was given out before with another content ({body_hash(second).hex()[:8]}), so the"
        " books were put back from a copy that is older than it; `tornello settlement adopt PLACE"
        " --from DIR` takes it into the books again from a folder of `settlement export`; if nobody"
        " has it any more: `tornello keyring forget-batches FOLDER --from 2`"
    )


def test_a_batch_goes_on_from_the_one_that_was_given_out(ring):
    first, second = chain_of(2)
    settled(ring, first)
    with pytest.raises(KeyringRefused, match="batch 1 was given out before with another content"):
        ring.sign("settlement", [body_of(2, body_hash(body_of(1, day=8)))])
    assert ring.sign("settlement", [second])
    # A keyring older than its first batches does not know what the next one goes on from.
    assert ring.sign("settlement", [body_of(12, bytes(32))])


def test_no_number_below_one_that_was_given_out_is_signed_although_it_is_unknown(ring):
    third = body_of(3, bytes(32))
    ring.assemble("settled", {"batches": [[3, body_hash(third)]]})
    with pytest.raises(KeyringRefused, match=r"batch 3 was given out before \([0-9a-f]{8}\), so"):
        ring.sign("settlement", [body_of(2, bytes(32))])
    assert ring.sign("settlement", [third])


def test_batches_are_remembered_all_or_none(ring):
    first, second = chain_of(2)
    settled(ring, first)
    with pytest.raises(KeyringRefused, match="batch 1 was given out before with another content"):
        ring.assemble(
            "settled", {"batches": [[2, body_hash(second)], [1, body_hash(body_of(1, day=8))]]}
        )
    twice = {"batches": [[2, body_hash(second)], [2, bytes(32)]]}
    with pytest.raises(KeyringRefused, match="batch 2 was given out"):
        ring.assemble("settled", twice)
    assert settled(ring) == [[1, body_hash(first)]]


@pytest.mark.parametrize("number", (0, -1, 1 << 30, 1 << 53))
def test_a_number_that_no_batch_has_is_refused(ring, number):
    with pytest.raises(KeyringRefused, match=f"settlement: number {number}, wanted 1 to"):
        ring.sign("settlement", [body_of(number)])


def test_a_restored_ledger_and_another_process_change_nothing_of_it(ring, tmp_path):
    known = settled(ring, *chain_of(3))
    ring.restored()
    ring.close()
    again = LocalKeyring(tmp_path / "keyring")
    assert again.assemble("settled", {"batches": []}) == known
    ring.register, ring.lock = again.register, again.lock  # the fixture closes them


def test_a_register_of_an_older_program_knows_none_and_goes_on(tmp_path):
    folder = tmp_path / "keyring"
    sd.keyring(folder).close()
    with sqlite3.connect(folder / "keyring.db") as database:
        database.execute("DROP TABLE given_batch")  # all that an older one lacks
    database.close()
    ring = LocalKeyring(folder)
    bodies = chain_of(3)
    assert ring.sign("settlement", [bodies[2]])
    assert len(settled(ring, *bodies)) == 3 and len(ring.register.devices()) == 1
    ring.close()


def test_batches_that_nobody_has_any_more_are_forgotten_by_name(tmp_path, capsys):
    folder, bodies = str(tmp_path / "keyring"), chain_of(3)
    ring = sd.keyring(tmp_path / "keyring")
    settled(ring, *bodies)
    ring.close()
    hashes = [body_hash(body).hex() for body in bodies]

    def run(*words):
        code = main([words[0], folder, *words[1:]])
        said = capsys.readouterr()
        return code, said.out or said.err

    assert json.loads(run("status")[1])["last_batch"] == {"number": 3, "sha256": hashes[2]}
    assert run("forget-batches", "--from", "4") == (
        1, "keyring: --from 4: no batch from there on is known; 1 to 3 are\n"
    )  # fmt: skip
    assert run("forget-batches", "--from", "0") == (
        1, "keyring: --from 0: wanted the number of a batch, 1 or more\n"
    )  # fmt: skip
    assert run("forget-batches", "--from", "2") == (
        0, f"keyring: forgot batch 2 {hashes[1][:8]}\nkeyring: forgot batch 3 {hashes[2][:8]}\n"
    )  # fmt: skip
    assert json.loads(run("status")[1])["last_batch"]["number"] == 1
    assert json.loads(run("uses")[1])["what"] == "forget batches 2 to 3, use 1"
    again = LocalKeyring(folder)
    assert again.sign("settlement", [body_of(2, body_hash(bodies[0]), day=8)])
    with pytest.raises(KeyringRefused, match="batch 1 was given out"):
        again.sign("settlement", [body_of(2, bytes(32))])
    again.close()
    run("forget-batches", "--from", "1")
    assert json.loads(run("status")[1])["last_batch"] is None
    code, said = run("forget-batches", "--from", "1")
    assert code == 1 and said.endswith("no batch from there on is known; none at all is\n")
