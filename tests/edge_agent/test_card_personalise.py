"""Cards made in batches: torn, spoilt, refused, killed and begun again; nothing is lost (X-3)."""

import contextlib
import json
import resource
import signal
import subprocess
import sys

import pytest

from backend_sync.clocks import SystemClock
from backend_sync.keyring.local import LocalKeyring
from backend_sync.ledger.batches import CardBatch
from backend_sync.ledger.ledger import Ledger
from card_layouts.cards.card_layout import S
from card_layouts.cards.card_number import card_number
from card_layouts.cards.desfire_issuer import CREATE_CYCLIC
from card_layouts.cards.issue import ISSUE, STATE_SPOILT, STATE_VERIFIED
from simulator.desfire_card import Cut
from simulator.desfire_card.image import CardKey
from simulator.field import Tear
from simulator.worlds.ticket_world import blank as blank_ticket
from tests import figures
from tests.edge_agent.issue_world import AUTHORITY, FIRST, Office, blank, one_by_one
from tests.outside_packages import ROOT

pytestmark = pytest.mark.requirement("X-3")
CHECK, MAKE, VERIFY = 8, 39, 9  # exchanges: is it fresh, make it, read it back


def rows_of(path):
    data = path.read_bytes()
    return [ISSUE.unpack(data[at : at + 64]) for at in range(0, len(data), 64)]


def files_of(card):
    (application,) = card.image.applications.values()
    return application.files, application.keys, card.image.picc_key


@pytest.mark.requirement("D1", "W-124", "D11")
def test_a_delivery_becomes_cards_that_ledger_and_keyring_know(tmp_path, capsys):
    office, cards = Office(tmp_path, 4), [blank(number) for number in range(4)]
    assert office.personalise(one_by_one(cards)) == 0
    assert [len(card.meter.exchanges) for card in cards] == [CHECK + MAKE + VERIFY] * 4
    rows = rows_of(office.issues)
    assert [row["serial"] for row in rows] == [FIRST + number for number in range(4)]
    assert {row["state"] for row in rows} == {STATE_VERIFIED}
    assert [row["uid"] for row in rows] == [card.uid for card in cards]
    head = S.unpack(files_of(cards[2])[0][4].data)
    assert (head["serial"], head["purse_product"], head["deposit"]) == (FIRST + 2, 1, 50)
    said = capsys.readouterr().out
    assert f"4/4  {card_number(AUTHORITY, FIRST + 3)}" in said
    assert "4 made, 0 spoilt, 0 unfinished, 0 numbers left" in said

    keyring = LocalKeyring(office.keyring_folder)
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", SystemClock(), keyring, {}, AUTHORITY)
    data = office.issues.read_bytes()
    assert ledger.import_issues([data[at : at + 64] for at in range(0, len(data), 64)]) == 4
    [shared] = json.loads(office.issues.with_suffix(".batches").read_text())
    assert S.unpack(bytes.fromhex(shared["head"])) == {**head, "serial": 0, "issued": 0}
    given = CardBatch(shared["authority"], shared["batch"], bytes.fromhex(shared["head"]))
    assert ledger.import_batches([given]) == 1 and ledger.audit() == 4
    assert keyring.register.card_count() == 4
    ledger.close()
    keyring.close()


def test_a_finished_batch_is_left_alone(tmp_path, capsys):
    office = Office(tmp_path, 1)
    assert office.personalise(one_by_one([blank(1)])) == 0
    before = office.register.read_bytes()
    assert office.personalise(one_by_one([])) == 0
    assert office.register.read_bytes() == before
    assert "1 made" in capsys.readouterr().out


def put_back(card, tear):
    """Return hands that lay `card` down once with a tear and put it back when it was torn."""
    state = {"planned": False}

    def hands(field):
        if not field.cards:
            field.place(card)
        if not state["planned"]:
            field.plan(tear)
            state["planned"] = True

    return hands


def test_a_card_torn_anywhere_is_finished_when_it_is_put_back(tmp_path):
    whole, office = blank(1), Office(tmp_path, 1)
    assert office.personalise(one_by_one([whole])) == 0
    wanted, issued = files_of(whole), office.issues.read_bytes()
    cuts = []
    for number, count in enumerate(whole.meter.exchanges):
        cuts += [(number, Cut("in", 0)), (number, Cut("out", 0))]
        cuts += [(number, Cut("step", at)) for at in range(count.write_steps)]
    for number, cut in cuts:
        for path in (office.register, office.issues):
            path.unlink()
        card = blank(1)
        tear = Tear(exchange=number, cut=cut)
        assert office.personalise(put_back(card, tear)) == 0, tear
        assert files_of(card) == wanted, tear
        assert office.issues.read_bytes() == issued, tear
    figures.add("tears of a personalisation through the batch", len(cuts))


def test_another_card_may_come_before_the_torn_one(tmp_path, capsys):
    office, first, second = Office(tmp_path, 2), blank(1), blank(2)
    story = [first, second, first]

    def hands(field):
        if not field.cards:
            field.place(story.pop(0))
            field.plan(*([Tear(exchange=CHECK + 10)] if len(story) == 2 else []))

    assert office.personalise(hands) == 0
    rows = rows_of(office.issues)
    assert [(row["serial"], row["uid"]) for row in rows] == [
        (FIRST, first.uid),
        (FIRST + 1, second.uid),
    ]
    said = capsys.readouterr().out
    assert "put the SAME card back" in said and "finished and read back" in said


@pytest.mark.system
@pytest.mark.parametrize("exchange", [0, 6, 8, 11, 14, 20, 31, 38, 44, 47, 55])
def test_kill_9_loses_nothing_and_the_batch_goes_on(tmp_path, exchange, capsys):
    """The second of two cards is on the reader when the process is killed."""
    office = Office(tmp_path, 2)
    script = ROOT / "tests" / "edge_agent" / "issue_killed.py"
    killed = subprocess.run(
        [sys.executable, script, tmp_path, str(exchange)], cwd=ROOT, capture_output=True, text=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    again = subprocess.run(
        [sys.executable, script, tmp_path, "-1"], cwd=ROOT, capture_output=True, text=True
    )
    assert again.returncode == 0, again.stdout + again.stderr
    rows = rows_of(office.issues)
    assert [row["serial"] for row in rows] == [FIRST, FIRST + 1]
    assert len({row["uid"] for row in rows}) == 2
    assert "is made already" in again.stdout, "the first card was laid down again"


def test_a_row_that_a_crash_cut_off_is_left_out_and_said(tmp_path, capsys):
    office = Office(tmp_path, 2)
    assert office.personalise(one_by_one([blank(1)]), "--count", "1") == 0
    with office.register.open("ab") as file:
        file.write(b"\x04half a row")
    assert office.personalise(one_by_one([blank(2)])) == 0
    assert "11 bytes of a row were left out" in capsys.readouterr().out
    assert len(rows_of(office.issues)) == 2


@contextlib.contextmanager
def disk_of(bytes_max):
    """Let no file of this process grow beyond `bytes_max`."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_max, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    ("rows_fit", "words"),
    [
        (0, "File too large; no card was touched"),
        (1.5, "the disk is full; make room, then start the same command again"),
        (3, "File too large; make room, then start the same command again"),
        (7.5, "the disk is full; make room, then start the same command again"),
    ],
)
def test_a_full_disk_is_one_sentence_and_the_batch_goes_on(tmp_path, rows_fit, words, capsys):
    office, cards = Office(tmp_path, 2), [blank(1), blank(2)]
    with disk_of(int(rows_fit * 64)):
        assert office.personalise(one_by_one(cards)) == 1
    assert f"card: {office.register}: {words}" in capsys.readouterr().err
    assert office.personalise(one_by_one(cards)) == 0
    rows = rows_of(office.issues)
    assert [(row["serial"], row["uid"]) for row in rows] == [
        (FIRST + number, card.uid) for number, card in enumerate(cards)
    ]


def test_finished_cards_that_cannot_be_written_out_are_in_the_register(tmp_path, capsys):
    office = Office(tmp_path, 1)
    office.issues.mkdir()
    assert office.personalise(one_by_one([blank(1)])) == 1
    assert "has every card: make room" in capsys.readouterr().err
    office.issues.rmdir()
    assert office.personalise(one_by_one([]), "--status") == 0
    assert len(rows_of(office.issues)) == 1
    assert office.issues.stat().st_mode & 0o077 == 0, "UIDs inside"


def test_a_batch_file_is_never_taken_for_what_is_written_beside_it(tmp_path, capsys):
    office = Office(tmp_path, 1)
    text = office.batch_file.read_text()
    office.batch_file = office.batch_file.replace(office.issues)
    assert office.personalise(one_by_one([blank(1)])) == 1
    assert "name it .toml" in capsys.readouterr().err
    assert office.batch_file.read_text() == text


def worn(number):
    """Return a card whose EEPROM is worn out where file G would lie: it answers EE."""
    card = blank(number)
    sound = card.exchange

    def exchange(command, cut=None):
        return b"\xee" if command[:1] == bytes((CREATE_CYCLIC,)) else sound(command, cut)

    card.exchange = exchange
    return card


def test_a_spoilt_card_is_counted_listed_and_its_number_given_to_no_other(tmp_path, capsys):
    office = Office(tmp_path, 3)
    cards = [blank(1), worn(2), blank(3)]
    assert office.personalise(one_by_one(cards)) == 0
    assert [row["serial"] for row in rows_of(office.issues)] == [FIRST, FIRST + 2]
    spoilt = card_number(AUTHORITY, FIRST + 1)
    said = capsys.readouterr().out
    assert "2 made, 1 spoilt, 0 unfinished" in said
    assert f"spoilt      {spoilt}  its memory is worn out (EE)" in said
    last = rows_of(office.register)[1:]  # the first row is the batch
    assert [row["serial"] for row in last if row["state"] == STATE_SPOILT] == [FIRST + 1]


def test_a_card_that_is_not_fresh_is_left_alone_and_costs_no_number(tmp_path, capsys):
    office = Office(tmp_path, 1)
    changed, versioned, foreign = blank(1), blank(2), blank(3)
    changed.image.picc_key = CardKey("2K3DES", b"somebody else's!")
    versioned.image.picc_key = CardKey("2K3DES", bytes(16), 3)
    assert Office(tmp_path / "b", 1).personalise(one_by_one([foreign])) == 0
    before = [card.image.clone() for card in (changed, versioned, foreign)]
    cards = [changed, versioned, foreign, blank_ticket(), blank(4)]
    assert office.personalise(one_by_one(cards)) == 0
    assert [card.image for card in (changed, versioned, foreign)] == before
    said = capsys.readouterr().out
    assert said.count("not fresh from the factory, left alone") == 3
    assert "no DESFire card" in said
    assert [row["serial"] for row in rows_of(office.issues)] == [FIRST]


def test_two_cards_at_once_are_asked_to_be_one(tmp_path, capsys):
    office, cards = Office(tmp_path, 2), [blank(1), blank(2)]
    looks = []

    def hands(field):
        looks.append(field)
        if len(looks) == 1:
            field.place(cards[0])
            field.place(cards[1])
        elif not field.cards:
            field.place(cards.pop(0))

    assert office.personalise(hands) == 0
    assert "two cards: one card, please" in capsys.readouterr().out


def test_an_unfinished_card_can_be_given_up(tmp_path, capsys):
    office, card = Office(tmp_path, 1), blank(1)
    story = iter([card])

    def torn_for_good(field):
        lying = next(story, None)
        if lying is not None:
            field.place(lying)
            field.plan(Tear(exchange=CHECK + 20))

    assert office.personalise(torn_for_good) == 1
    assert "0 made, 0 spoilt, 1 unfinished" in capsys.readouterr().out
    assert office.personalise(None, "--status") == 1
    number = card_number(AUTHORITY, FIRST)
    assert office.personalise(None, "--give-up", number) == 0
    assert "given up by the clerk" in capsys.readouterr().out
    assert office.personalise(None, "--give-up", number) == 1
    assert office.personalise(None, "--status") == 0


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"last": "244 00001002 9", "first": "244 00001003 9"}, "would have to be 7"),
        ({"last": "244 00000999 3"}, "last"),
        ({"batch": 0}, "batch: found 0, wanted 1..16777215"),
        ({"batch": True}, "batch: found True"),
        ({"kind": "vip"}, "kind: found 'vip', wanted one of personal"),
        ({"kind": None}, "key 'kind' is missing"),
        ({"colour": "red"}, "key 'colour' is not known"),
        ({"deposit_cents": 55}, "deposit_cents: found 55, wanted whole tens"),
        ({"limit_cents": 70000}, "limit_cents: found 70000, wanted 1..65535"),
        ({"purse_zones": [99]}, "zones"),
        ({"purse_zones": "1"}, "purse_zones"),
        ({"expires": "2031-13"}, "expires: found '2031-13'"),
        ({"group": 99}, "group"),
    ],
)
def test_a_wrong_batch_file_is_one_sentence(tmp_path, capsys, changed, words):
    office = Office(tmp_path, 1, **changed)
    assert office.personalise(one_by_one([blank(1)])) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"card: {office.batch_file}: ") and words in said
    assert not office.register.exists()


def test_a_batch_changed_in_the_middle_is_refused(tmp_path, capsys):
    office = Office(tmp_path, 2)
    assert office.personalise(one_by_one([blank(1)]), "--count", "1") == 0
    office.write_batch(limit_cents=20000)
    assert office.personalise(one_by_one([blank(2)])) == 1
    assert "was begun with other values" in capsys.readouterr().err


@pytest.mark.requirement("D10")
def test_keys_others_may_read_and_keys_of_another_authority_are_refused(tmp_path, capsys):
    office = Office(tmp_path, 1)
    office.keys_file.chmod(0o644)
    assert office.personalise(one_by_one([blank(1)])) == 1
    assert "chmod 600" in capsys.readouterr().err
    office.keys_file.chmod(0o600)
    office.write_batch(first=card_number(3, 1), last=card_number(3, 1))
    assert office.personalise(one_by_one([blank(1)])) == 1
    assert "authority 3" in capsys.readouterr().err


@pytest.mark.requirement("D10")
def test_no_key_leaves_in_register_or_words(tmp_path, capsys):
    office, card = Office(tmp_path, 1), blank(1)
    assert office.personalise(one_by_one([card])) == 0
    station = office.station()
    said = capsys.readouterr()
    written = office.register.read_bytes() + office.issues.read_bytes() + repr(station).encode()
    recipe = station.recipe(office.batch(), card.uid, FIRST, 0)
    for key in (*station.masters.values(), station.chain, *recipe.keys, recipe.picc_key):
        assert key not in written and key.hex() not in said.out + said.err + written.decode(
            "latin1"
        )
    assert card.uid.hex() not in said.out + said.err
    assert office.register.stat().st_mode & 0o77 == office.issues.stat().st_mode & 0o77 == 0


def test_after_the_cards_asked_for_nobody_is_waited_for(tmp_path, capsys):
    """The last card may lie there for ever: `--count` is reached."""
    office = Office(tmp_path, 3)
    waits = []

    def hands(field):
        waits.append(field)
        if not field.cards:
            field.place(blank(1))

    assert office.personalise(hands, "--count", "1") == 0
    assert len(waits) == 1
    assert waits[0].cards, "it lies there still"
