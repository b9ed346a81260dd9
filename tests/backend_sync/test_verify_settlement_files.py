"""What somebody did to the folder of an outsider: every file of it is guarded by another one."""

import hashlib
import shutil

import pytest

from auditor.main import main
from backend_sync.settlement.close import SettlementError
from backend_sync.settlement.export import export
from card_layouts.cards.card_layout import G
from card_layouts.codec import cbor
from card_layouts.crypto.ed25519_cpython import public_native, sign_native
from card_layouts.records.entries_tap import INTENT
from card_layouts.settlement import batch as b
from card_layouts.settlement.ciphertext import write_run
from tests.backend_sync.settled_worlds import DAY, MORNING, Settled

pytestmark = pytest.mark.requirement("D25", "T13", "O-17")
LINE = 120


@pytest.fixture(scope="module")
def settled(tmp_path_factory):
    """Return the folder of two settled days on two devices."""
    made = Settled(tmp_path_factory.mktemp("settled") / "keyring")
    for day in range(2):
        for index, card in enumerate(made.cards):
            made.ride(1 + index % 2, card, MORNING + 86_400 * day + 60 * index)
        made.settle(DAY + day)
    to = tmp_path_factory.mktemp("outside") / "settlement"
    export(made.ledger.database, to, made.keyring, made.bodies)
    (to / "ciphertext").mkdir()
    for name, devices in (("north", (1,)), ("south", (2, 3, 900))):
        with (to / "ciphertext" / f"{name}.slots").open("wb") as file:
            for run in made.run_all():
                if run[0] in devices:
                    write_run(file, name, run)
    made.close()
    return to


@pytest.fixture
def folder(settled, tmp_path):
    return shutil.copytree(settled, tmp_path / "settlement")


def of(folder, number):
    """Return (batch, lines): the two files of a batch."""
    return folder / f"batch-{number:06}.cbor", folder / f"lines-{number:06}.bin"


def swap(one, other):
    held = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(held)


def change_a_cent(folder):
    path = of(folder, 1)[1]
    data = bytearray(path.read_bytes())
    facts = bytearray(data[24:LINE])
    for layout, name in ((G, "amount"), (G, "charged"), (INTENT, "full")):
        layout.put(facts, name, layout.get(facts, name) + 1)
    data[24:LINE] = facts
    path.write_bytes(data)


def drop_a_line(folder):
    path = of(folder, 2)[1]
    data = path.read_bytes()
    path.write_bytes(data[:LINE] + data[2 * LINE :])


def sign_by_another(folder, as_if_its=False):
    path = of(folder, 1)[0]
    body, key_id, _ = cbor.decode(path.read_bytes())
    seed = bytes(32)
    if not as_if_its:
        key_id = hashlib.sha256(public_native(seed)).digest()[:4]
    path.write_bytes(b.encode_batch(body, key_id + sign_native(seed, b.batch_message(body))))


def exchange_batches(folder):
    for one, other in zip(of(folder, 1), of(folder, 2), strict=True):
        swap(one, other)


def copy_the_older_back(folder):
    for older, newer in zip(of(folder, 1), of(folder, 2), strict=True):
        shutil.copy(older, newer)


def replace_a_tariff(folder):
    one, other = sorted((folder / "tariffs").iterdir())
    shutil.copy(other, one)


TAMPERINGS = {
    "one cent changed": (change_a_cent, "leaf 0, device 1 epoch 0 seq 1: the tariff does not"),
    "one line dropped": (
        drop_a_line, "device 1 epoch 0 seq 7: 1 slots without a line, wanted at leaf 1"),
    "one edge's slots removed": (
        lambda folder: (folder / "ciphertext" / "south.slots").unlink(),
        "device 2 epoch 0 seq 1-4: no edge's slots are here"),
    "signed by another key": (sign_by_another, "batch-000001.cbor: batch: signed by key"),
    "signed by another key that says it is ours": (
        lambda folder: sign_by_another(folder, True), "batch-000001.cbor: ed25519: wrong sig"),
    "another tariff": (replace_a_tariff, "tariff 1 of authority 1: no package has SHA-256"),
    "two batches exchanged": (exchange_batches, "batch 2 follows, wanted batch 1"),
    "an older batch copied back": (copy_the_older_back, "batch 1 follows, wanted batch 2"),
    "lines of another batch": (
        lambda folder: swap(of(folder, 1)[1], of(folder, 2)[1]),
        "device 1 epoch 0 seq 1-3: 2 slots without a line, wanted at leaf 0"),
    "the first batch removed": (
        lambda folder: [path.unlink() for path in of(folder, 1)],
        "batch 2 follows, wanted batch 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERINGS)
def test_the_first_difference_names_where_it_is(folder, capsys, name):
    assert main([str(folder)]) == 0
    capsys.readouterr()
    tamper, words = TAMPERINGS[name]
    tamper(folder)
    assert main([str(folder)]) == 1
    assert f"DIFFERS: {words}" in capsys.readouterr().out


def test_a_sample_below_nothing_is_wrong_use(folder, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([str(folder), "--sample", "-3"])
    assert stopped.value.code == 2
    assert "--sample -3: wanted a number from 1 on" in capsys.readouterr().err


MISSING = {
    "no slots at all": (lambda folder: shutil.rmtree(folder / "ciphertext"), "no *.slots"),
    "no lines": (lambda folder: of(folder, 1)[1].unlink(), "lines-000001.bin: No such file"),
    "slots cut off": (
        lambda folder: (folder / "ciphertext" / "north.slots").write_bytes(
            (folder / "ciphertext" / "north.slots").read_bytes()[:-9]
        ), "north.slots: ciphertext: byte"),
    "no public key": (lambda folder: (folder / "publics.txt").write_text("zz"), "'zz' is no publ"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISSING)
def test_what_cannot_be_read_is_named_and_ends_with_2(folder, capsys, name):
    tamper, words = MISSING[name]
    tamper(folder)
    assert main([str(folder)]) == 2
    assert words in capsys.readouterr().err


def test_the_newest_batch_taken_away_leaves_slots_that_no_batch_has_and_it_says_so(folder, capsys):
    assert main([str(folder)]) == 0
    assert "in no batch yet" not in capsys.readouterr().out
    for path in of(folder, 2):
        path.unlink()
    assert main([str(folder)]) == 0
    assert "4 slots that edges carried are in no batch yet" in capsys.readouterr().out


@pytest.mark.requirement("I10")
def test_restored_books_write_no_batch_over_one_that_they_do_not_know(folder, tmp_path):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    restored = Settled(tmp_path / "keyring")
    restored.ride(1, restored.cards[0], MORNING)
    restored.settle()
    with pytest.raises(SettlementError, match="batch-000001.cbor: the books have another batch"):
        export(restored.ledger.database, folder, restored.keyring, restored.bodies)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    another = tmp_path / "another"
    assert export(restored.ledger.database, another, restored.keyring, restored.bodies)
    assert export(restored.ledger.database, another, restored.keyring, restored.bodies) == []
    (another / "batch-000002.cbor").write_bytes(b"of another ledger")
    with pytest.raises(SettlementError, match="batch-000002.cbor: the books know no such batch"):
        export(restored.ledger.database, another, restored.keyring, restored.bodies)
    restored.close()
