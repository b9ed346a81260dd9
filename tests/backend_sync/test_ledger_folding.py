"""Old rides are folded: gone from books and restored backups, and every cent where it was."""

import random

import pytest
from sqlalchemy.exc import DBAPIError

from backend_sync.keyring.local import LocalKeyring
from backend_sync.ledger import Ledger
from backend_sync.ledger.backup import back_up, put_back
from backend_sync.ledger.fold_tables import kept_detail
from backend_sync.ledger.folding import BooksChanged, FoldRefused, foldable, horizon
from backend_sync.ledger.main import main
from backend_sync.ledger.replay import replay
from backend_sync.ledger.verify_chain import verify_chain
from card_layouts.cards.card_layout import KIND_DEBIT, G
from card_layouts.records import entries as types
from card_layouts.records.slot import SLOTS_PER_BLOCK
from tests.backend_sync.builders import AUTHORITY, World
from tests.backend_sync.ledger_histories import cut, play, state
from tests.backend_sync.test_ledger_late_seals import Thief, forged

pytestmark = pytest.mark.requirement("D24")

WEEK = 7 * 86_400
OF_RIDES = ("pendings", "resolutions", "choices", "waiting_taps", "open_intents")


def ridden(world):
    """Let cards be loaded, ride, and be looked at."""
    for number, card in enumerate(world.cards):
        world.devices[1].load(card, 2000, action=number + 1)
        world.devices[2].tap(card, 300)
        world.devices[1].tap(card, 150)
        world.devices[2].refuse(card)
    world.post()


def later(world, weeks=14):
    world.clock.now += weeks * WEEK


def traces(world):
    """Return the bytes that only rides have: their slots, and hashes of records written over."""
    kinds = [(slot, slot[1] >> 2) for d in world.devices.values() for slot in d.slots]
    slots = [
        slot
        for (_, before), (slot, kind) in zip([(b"", 0), *kinds], kinds, strict=False)
        if kind in (types.INTENT, types.REFUSAL) or (kind, before) == (types.OUTCOME, types.INTENT)
    ]
    records = [record for card in world.cards for record in card.records[:-1]]
    rides = [record[36:] for record in records if G.unpack(record)["kind"] == KIND_DEBIT]
    return [bytes(slot[12:108]) for slot in slots] + rides


def money(ledger):
    found = state(ledger)
    return {name: found[name] for name in ("cards", "balances", "chains", "sightings")}


def test_old_rides_leave_a_checkpoint_and_every_cent_where_it_was(world):
    ridden(world)
    before, database = money(world.ledger), world.ledger.database
    later(world)
    found = world.ledger.fold()
    assert (found.cards, found.commits, found.cards_kept) == (2, 6, 0)
    assert money(world.ledger) == before
    heads = [(c.fields["n"], c.fields["D"], c.fields["L"]) for c in world.cards]
    rows = database.rows("SELECT n, d, l FROM checkpoints ORDER BY card")
    assert [tuple(row) for row in rows] == heads
    assert database.value("SELECT count(*) FROM pendings") == 0
    assert database.value("SELECT count(*) FROM action_entries") == 0
    assert database.value("SELECT count(*) FROM entries WHERE card IS NOT NULL") == 0
    left = {bytes(row[0]) for row in database.rows("SELECT slot FROM entries")}
    assert left == {b""}
    report = world.ledger.report()
    assert (report["lost"], report["doubled"], report["trial_balance_cents"]) == (0, 0, 0)
    assert report["missing_money"] == [] and report["unbalanced"] == 0
    assert verify_chain(database)["wrong"] == []
    assert replay(database, world.keyring, False)["refused"] == 0


def test_the_lines_of_folded_rides_name_no_card(world):
    ridden(world)
    later(world)
    world.ledger.fold()
    later(world, 1)
    world.devices[2].tap(world.cards[0], 200)
    world.post()
    later(world)
    world.ledger.fold()
    rows = world.ledger.database.rows(
        "SELECT a.name, p.cents, p.rule FROM postings p JOIN accounts a ON a.id = p.account"
        " WHERE p.account IN (SELECT id FROM cards) AND p.rule <> 'P1' ORDER BY p.account"
    )
    # One line a card, however often it was folded: no history of folds.
    assert [(cents, rule) for _, cents, rule in rows] == [(1350, "FOLD"), (1550, "FOLD")]
    name = f"LIAB:{AUTHORITY}:folded"
    sums = "SELECT coalesce(sum(cents), 0) FROM balances WHERE name = ?"
    assert int(world.ledger.database.value(sums, (name,))) == 0


def test_what_is_young_open_forked_or_disputed_stays(world):
    first = world.cards[0]
    ridden(world)
    torn = world.devices[2].intent(first)
    world.post()
    assert foldable(world.ledger.database, horizon(world.clock.now)).commits == 0
    later(world)
    number = world.ledger.database.value("SELECT max(id) FROM cards")
    with world.ledger.database.transaction():
        world.ledger.database.insert(kept_detail, [(number, "dispute 7")])
    found = world.ledger.fold()
    assert (found.cards, found.commits, found.cards_kept) == (1, 3, 1)
    # The torn one lapsed by rule X and stays: late evidence still posts it.
    world.devices[3].refuse(first, torn.record)
    world.post()
    assert world.ledger.report()["accounts"]["REV"] == 4 * 225 + 300
    third = world.card(5)
    twin = third.copy()
    world.devices[1].tap(third)
    world.devices[3].tap(twin)
    world.post()
    assert world.ledger.report()["forks"] == 2
    later(world)
    assert world.ledger.fold().cards_kept == 2


def test_a_folded_ledger_goes_on_like_one_that_never_was(tmp_path):
    for seed in range(4):
        chance = random.Random(seed)
        worlds = [World(tmp_path / f"{seed}{name}") for name in ("whole", "folded")]
        play(worlds[0], chance, steps=30)
        early = cut(worlds[0].run_all(), chance)
        for made in worlds:
            for part in early:
                made.post(part)
            later(made)
            made.ledger.lapse()
        folded = worlds[1].ledger.fold()
        assert folded.slots
        play(worlds[0], chance, steps=30)
        for part in cut(worlds[0].run_all(), chance):  # old slots come again with the new
            for made in worlds:
                made.post(part)
        assert money(worlds[1].ledger) == money(worlds[0].ledger)
        for made in worlds:
            assert made.ledger.report()["doubled"] == 0
            assert verify_chain(made.ledger.database)["wrong"] == []
            made.close()


def test_a_forgery_is_displaced_behind_a_fold_too(world):
    ridden(world)
    later(world)
    world.ledger.fold()
    device = world.devices[1]
    while len(device.slots) < SLOTS_PER_BLOCK:
        device.tap(world.cards[0], 50)
    device.put(types.BOOT, {})
    thief = Thief(world.keys, 1)
    seq = 9
    world.thief = thief
    world.post(thief.under(seq, types.BOOT, {}))
    world.post()
    report = world.ledger.report()
    assert report["quarantine"] == {"LATE_SEAL": 1} and report["lost"] == 0
    assert report["ledger_cards_cents"] == sum(card.cents for card in world.cards)
    row = world.ledger.database.rows("SELECT seq, chain FROM devices WHERE device = 1")[0]
    assert (row[0], bytes(row[1])) == (device.next_seq - 1, device.chain[-1])
    for run in forged(world)[:2]:  # numbers of what is folded: nothing tells which was first
        world.post(run)
    assert world.ledger.report()["ledger_cards_cents"] == report["ledger_cards_cents"]


def test_folded_books_still_name_what_is_changed_beside_the_ledger(world):
    world.tampered = True
    ridden(world)
    later(world)
    world.ledger.fold()
    database = world.ledger.database
    with pytest.raises(DBAPIError, match="append-only"), database.transaction():
        database.execute("UPDATE postings SET cents = 0")
    if not database.sqlite:
        return
    with database.transaction():
        database.execute("DROP TRIGGER postings_no_update")
        database.execute("UPDATE postings SET cents = cents + 1 WHERE rule = 'P1' AND id < 9")
    wrong = verify_chain(database)["wrong"]
    assert {row["table"] for row in wrong} >= {"postings", "folds"}
    with pytest.raises(BooksChanged, match="verify-chain"):
        world.ledger.fold()


def test_fewer_than_thirteen_weeks_are_refused(world):
    with pytest.raises(FoldRefused, match="90 days"):
        world.ledger.fold(weeks=12)


def test_what_was_folded_is_in_no_file_even_after_a_backup_is_restored(tmp_path):
    folder = tmp_path / "world"
    world = World(folder)
    ridden(world)
    needles = traces(world)
    later(world)
    books, copy = folder / "ledger.db", tmp_path / "backup.db"
    world.devices[3].tap(world.cards[0], 100)  # young: it must still be there afterwards
    world.post()
    before = money(world.ledger)
    back_up(books, copy)
    assert len(needles) > 8 and hits(needles, [copy]) == needles
    world.ledger.fold()
    world.close()
    assert not hits(needles, folder.glob("ledger.db*"))
    done = put_back(books, copy, folder)
    assert done["head"] != ""
    kept = folder / f"ledger.db.before-{done['incarnation']}"
    assert kept.exists() and not hits(needles, folder.glob("ledger.db*"))
    keyring = LocalKeyring(folder)
    ledger = Ledger(f"sqlite:///{books}", world.clock, keyring, {}, AUTHORITY)
    assert money(ledger) == before
    assert ledger.database.value("SELECT count(*) FROM pendings WHERE n = 4") == 1
    assert verify_chain(ledger.database)["wrong"] == []
    ledger.close()
    keyring.close()


def hits(needles, files):
    texts = [path.read_bytes() for path in files]
    return [needle for needle in needles if any(needle in text for text in texts)]


def test_the_command_says_first_and_folds_then(tmp_path, capsys):
    folder = tmp_path / "world"
    folder.mkdir()
    world = World(folder / "keyring", f"sqlite:///{folder / 'ledger.db'}")
    world.clock.now -= 400 * 86_400
    ridden(world)
    world.close()
    place = str(folder)
    assert main(["retention", place]) == 0
    assert "6 rides, blocks and loads of 2 cards" in capsys.readouterr().out
    assert main(["retention", place, "--keep", "1", "--reason", "dispute 7"]) == 0
    assert main(["retention", place, "--apply"]) == 0
    said = capsys.readouterr().out
    assert "3 rides, blocks and loads of 1 cards" in said and "1 cards are kept whole" in said
    assert main(["retention", place, "--weeks", "3"]) == 2
    assert main(["verify-chain", place]) == 0
    assert main(["retention", place, "--keep", "1"]) == 2
