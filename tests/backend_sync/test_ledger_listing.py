"""A copied card is proposed for the hotlist, people decide, and the catalogue has it."""

import json
import re

import pytest

from backend_sync.catalogue import Catalogue
from backend_sync.ledger import listing
from backend_sync.ledger.listing import ALONE, Agreement, ListingError, Policy
from backend_sync.ledger.main import main
from backend_sync.registers import main as register
from backend_sync.registers.approvals import RegisterApprovals
from card_layouts.packages.hotlist_layout import HOT_BLOCK
from tests.backend_sync.builders import AUTHORITY, World
from tests.backend_sync.registers_world import CHEAP, RegistersWorld, secret_file

DEFAULT = Policy()


def copy_and_spend(world, index=0):
    """Copy a card and spend both, so that one counter holds two commits; return the card."""
    card, first, second = world.cards[index], world.devices[1], world.devices[2]
    first.load(card, 2000)
    twin = card.copy()
    first.tap(card, 300)
    second.tap(twin, 200)
    world.post()
    return card


def proposed(world, policy=DEFAULT):
    return listing.proposals(world.ledger.database, policy)


def decide(world, chosen, decision=listing.LISTED, by="anna", agreement=ALONE, policy=DEFAULT):
    with world.ledger.books() as books:
        return listing.decide(books, policy, chosen, decision, by, agreement)


@pytest.fixture
def two():
    """A register of users in which anna asks and alma agrees."""
    made = RegistersWorld()
    made.alma = made.add("alma", "authority")
    made.approvals = RegisterApprovals(made.proposals, made.anna, AUTHORITY)
    yield made
    made.close()


def agreed(world, two, chosen, amount=None):
    """Let alma agree to what anna asks for; return anna's agreement."""
    digest = listing.digest_of(world.ledger.database, chosen)
    asked = two.proposals.propose(
        two.anna, "hotlist", AUTHORITY, amount or len(chosen), "copied", digest
    )
    two.proposals.decide(two.alma, asked.number)
    return Agreement(two.approvals, asked.number)


def by_hand(world, count, first=0):
    """Return entries for cards that nobody accuses."""
    cards = [row[0] for row in world.ledger.database.rows("SELECT id FROM cards ORDER BY id")]
    return [listing.by_person(world.ledger.database, card, listing.REFUSE)
            for card in cards[first : first + count]]  # fmt: skip


@pytest.mark.requirement("T2")
def test_a_copied_card_is_proposed_above_the_generation_it_has(world):
    copy_and_spend(world)
    (found,) = proposed(world)
    assert (found.cause, found.n, found.action, found.g) == ("CLONE", 2, "block", 1)
    assert "2 commits at counter 2 are on a card" in found.words
    assert proposed(world, Policy(clone="none")) == []
    assert proposed(world, Policy(clone="refuse"))[0][4:6] == ("refuse", 0)


@pytest.mark.requirement("T2", "I15")
def test_open_torn_and_contradicted_taps_list_nobody(world):
    card, first, second = world.cards[0], world.devices[1], world.devices[2]
    first.load(card, 2000)
    second.intent(card, 200)  # torn: nobody saw it
    first.tap(card, 300)
    torn = second.intent(card, 100)
    card.commit(torn)
    first.tap(card, 150)  # reads the record: it was taken
    world.post()
    assert proposed(world) == []


@pytest.mark.requirement("T2", "X-14")
def test_what_is_approved_is_published_and_never_proposed_again(world, tmp_path):
    copy_and_spend(world)
    folder = tmp_path / "tariffs"
    folder.mkdir()
    other = {"card": "ab" * 16, "action": "refuse", "g": 0}
    (folder / "hotlist.json").write_text(json.dumps({"cards": [other]}))
    found = proposed(world)
    assert decide(world, found) == "" and proposed(world) == []
    assert listing.publish(world.ledger.database, folder) == 2
    contents = Catalogue(folder).read()
    assert contents.errors == []
    assert (bytes.fromhex(found[0].pseudonym), 1, HOT_BLOCK) in [
        (card, g, action) for card, g, action in contents.listed
    ]
    assert listing.publish(world.ledger.database, folder) == 2  # again: the same
    entry = listing.by_person(world.ledger.database, found[0].card, listing.BLOCK)
    assert entry.g == 2  # a new block is above every one before
    decide(world, [entry], listing.UNLISTED)
    assert listing.publish(world.ledger.database, folder) == 1
    rows = world.ledger.database.rows(
        'SELECT cause, decision, action, g, "by" FROM listing_decisions ORDER BY id'
    )
    assert [tuple(row) for row in rows] == [
        ("CLONE", "listed", "block", 1, "anna"),
        ("PERSON", "unlisted", "", 0, "anna"),
    ]


@pytest.mark.requirement("X-14")
def test_a_dismissed_case_is_not_proposed_and_not_listed(world, tmp_path):
    copy_and_spend(world)
    decide(world, proposed(world), listing.DISMISSED)
    assert proposed(world) == []
    assert listing.publish(world.ledger.database, tmp_path / "tariffs") == 0


@pytest.mark.requirement("X-14")
def test_many_entries_need_another_person_who_agreed_to_these_very_ones(world, two):
    copy_and_spend(world)
    policy = Policy(four_eyes_from=1)
    nobody = Agreement(two.approvals, 0)
    (found,) = proposed(world)
    other = agreed(world, two, [found._replace(action="refuse", g=0)])
    for by, agreement, words in (
        ("", ALONE, "nobody said who decides"),
        ("x" * 65, ALONE, "at most 64"),
        ("anna", ALONE, "another has to agree, in a register of users"),
        ("anna", nobody, "tornello register propose --kind hotlist --authority 244 --amount 1"),
        ("anna", other, "is about hotlist 1"),
    ):
        with pytest.raises(ListingError, match=words):
            decide(world, proposed(world), by=by, agreement=agreement, policy=policy)
    assert len(proposed(world)) == 1
    agreement = agreed(world, two, [found])
    assert decide(world, [found], agreement=agreement, policy=policy) == "alma"
    rows = world.ledger.database.rows('SELECT "by", second FROM listing_decisions')
    assert [tuple(row) for row in rows] == [("anna", "alma")]
    told = [row[0] for row in two.database.rows("SELECT what FROM trail ORDER BY id DESC LIMIT 3")]
    assert told == ["taken", "approved", "propose"]
    # Listed and taken off again: what alma agreed to is not agreed to a second time.
    decide(world, [found], listing.UNLISTED)
    with pytest.raises(ListingError, match="is about hotlist 1|is taken, wanted approved"):
        decide(world, [found], agreement=agreement, policy=policy)


@pytest.fixture
def many(tmp_path, ledger_url):
    made = World(tmp_path, ledger_url, cards=12)
    yield made
    made.close()


@pytest.mark.requirement("X-14")
def test_a_large_list_cut_in_pieces_is_a_large_list(many, two):
    for first, count in ((0, 4), (4, 5)):
        assert decide(many, by_hand(many, count, first)) == ""
    piece = by_hand(many, 1, 9)
    with pytest.raises(ListingError, match="10 entries of one person within a day"):
        decide(many, piece)
    with pytest.raises(ListingError, match="--amount 1 "):
        decide(many, piece, agreement=Agreement(two.approvals))
    assert decide(many, piece, by="bert") == ""  # another person's day
    decide(many, by_hand(many, 1, 10), agreement=agreed(many, two, by_hand(many, 1, 10)))
    many.clock.now += listing.DAY_SECONDS
    assert decide(many, by_hand(many, 1, 11)) == ""


@pytest.mark.requirement("X-7", "X-14")
def test_cards_claimed_as_lost_take_one_person_and_are_no_part_of_his_list(many):
    for card in many.ledger.database.rows("SELECT id FROM cards ORDER BY id"):
        assert decide(many, [listing.by_claim(many.ledger.database, card[0])]) == ""
    assert decide(many, by_hand(many, 9)) == ""
    with pytest.raises(ListingError, match="10 entries of one person within a day"):
        decide(many, by_hand(many, 1))


@pytest.mark.requirement("X-14")
def test_who_was_stopped_after_the_approval_was_taken_lists_what_was_agreed(world, two):
    copy_and_spend(world)
    policy, chosen = Policy(four_eyes_from=1), proposed(world)
    agreement = agreed(world, two, chosen)
    with pytest.raises(RuntimeError), world.ledger.books() as books:
        listing.decide(books, policy, chosen, listing.LISTED, "anna", agreement)
        raise RuntimeError("the power went before the commit")
    assert two.proposals.get(agreement.number).state == "taken" and len(proposed(world)) == 1
    assert decide(world, chosen, agreement=agreement, policy=policy) == "alma"
    assert proposed(world) == []


def test_money_that_nobody_loaded_is_proposed_where_the_policy_says_so(world):
    card, first = world.cards[0], world.devices[1]
    first.load(card, 2000)
    twin = world.devices[3]
    twin.load(card, 5000)  # its journal never comes
    first.tap(card, 100)
    world.post(first.run())
    assert proposed(world) == []
    (found,) = proposed(world, Policy(money="refuse"))
    assert (found.cause, found.action) == ("MONEY", "refuse") and "5000 cents" in found.words
    assert proposed(world, Policy(money="refuse", money_from_cents=5001)) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("clone = 'kill'", "clone = 'kill', wanted one of none, refuse, block"),
        ("clones = 'block'", "'clones', wanted clone, money"),
        ("four_eyes_from = 0", "four_eyes_from = 0, wanted a number above 0"),
        ("four_eyes_from = 11", "four_eyes_from = 11, at most 10"),
        ("money_from_cents = true", "wanted a number above 0"),
        ("clone =", "policy.toml: "),
    ],
)
def test_a_policy_that_does_not_fit_is_refused_by_name(tmp_path, text, words):
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(ListingError, match=words):
        listing.read_policy(path)


def test_a_hotlist_that_cannot_be_read_is_left_as_it_is(world, tmp_path):
    (tmp_path / "hotlist.json").write_text("{")
    with pytest.raises(ListingError, match="mend it first"):
        listing.publish(world.ledger.database, tmp_path)
    assert (tmp_path / "hotlist.json").read_text() == "{"


@pytest.mark.requirement("T2", "X-14")
def test_the_command_proposes_approves_and_takes_off(tmp_path, capsys):
    world = World(tmp_path / "keyring", f"sqlite:///{tmp_path / 'ledger.db'}")
    copy_and_spend(world)
    world.close()
    assert main(["hotlist", str(tmp_path), "--json"]) == 1
    (row,) = json.loads(capsys.readouterr().out)
    card = row["pseudonym"][:8]
    assert main(["hotlist", str(tmp_path), "--approve", card]) == 2
    assert "nobody said who decides" in capsys.readouterr().err
    assert main(["hotlist", str(tmp_path), "--approve", card, "--by", "anna"]) == 0
    assert "hotlist.json: 1 cards are listed" in capsys.readouterr().out
    assert main(["hotlist", str(tmp_path)]) == 0
    assert "0 cases" in capsys.readouterr().out
    assert main(["hotlist", str(tmp_path), "--approve", card, "--by", "anna"]) == 2
    assert "no undecided case" in capsys.readouterr().err
    assert main(["hotlist", str(tmp_path), "--unlist", card, "--by", "anna"]) == 0
    assert "`unblock`" in capsys.readouterr().out
    assert main(["hotlist", str(tmp_path), "--block", "999999", "--by", "anna"]) == 2
    assert "no card '999999'" in capsys.readouterr().err
    assert main(["verify-chain", str(tmp_path)]) == 0


class Office:
    """Commands of people whose secret lies in a file."""

    def __init__(self, folder, capsys):
        self.folder, self.capsys = folder, capsys
        self.secret = str(secret_file(folder))
        self.run(register.main, "init", "--authority", str(AUTHORITY), "--user", "anna")
        self.add("alma", "authority")
        self.add("carl", "sales point", "--point", "kamppi")

    def add(self, name, role, *more):
        words = ("--name", name, "--role", role, "--authority", str(AUTHORITY), "--rights", "all",
                 "--new-secret", self.secret)  # fmt: skip
        self.run(register.main, "user", "add", *words, *more, by="anna")

    def run(self, program, *words, by="", code=0):
        """Return what a command says; of a refused one the refusal."""
        at = 2 if words[0] == "user" else 1
        given = [*words[:at], str(self.folder), *words[at:], "--secret", self.secret]
        given += ["--by", by] if by else []
        found = program(given, CHEAP) if program is register.main else program(given)
        said = self.capsys.readouterr()
        assert found == code, said
        return said.err if code else said.out


@pytest.mark.requirement("X-14", "W-10", "W-11")
def test_a_bound_ledger_lists_for_those_who_sign_in_and_many_for_two(tmp_path, capsys):
    world = World(tmp_path / "keyring", f"sqlite:///{tmp_path / 'ledger.db'}", cards=10)
    names = [row[0] for row in world.ledger.database.rows("SELECT id FROM cards ORDER BY id")]
    world.close()
    office = Office(tmp_path, capsys)
    assert register.main(["bind", str(tmp_path), "--folder", str(tmp_path)]) == 0
    capsys.readouterr()
    every = ["hotlist", "--block", ",".join(map(str, names))]
    assert "who asks?" in office.run(main, *every, code=2)
    assert "does not have the right hotlist.propose" in office.run(main, *every, by="carl", code=2)
    assert "no such user" in office.run(main, *every, by="zoe", code=2)
    said = office.run(main, *every, by="anna", code=2)
    asked = re.search("`tornello register (propose .*) --content WORDS`", said)[1].split()
    office.run(register.main, *asked, "--content", "a box stolen at Kamppi", by="anna")
    number = ["--proposal", "1"]
    assert "is open, wanted" in office.run(main, *every, *number, by="anna", code=2)
    office.run(register.main, "approve", *number, by="alma")
    assert "alma agreed to it" in office.run(main, *every, *number, by="anna")
    assert "taken, wanted approved" in office.run(main, *every, *number, by="anna", code=2)
    assert "taken" in office.run(register.main, "trail", "--subject", "proposal:1", by="anna")
    assert main(["verify-chain", str(tmp_path)]) == 0
