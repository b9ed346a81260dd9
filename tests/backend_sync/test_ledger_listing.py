"""A copied card is proposed for the hotlist, a person decides, and the catalogue has it."""

import json

import pytest

from backend_sync.catalogue import Catalogue
from backend_sync.ledger import listing
from backend_sync.ledger.listing import ListingError, Policy
from backend_sync.ledger.main import main
from card_layouts.packages.hotlist_layout import HOT_BLOCK
from tests.backend_sync.builders import World

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


def decide(world, chosen, decision=listing.LISTED, by="anna", second="", policy=DEFAULT):
    with world.ledger.books() as books:
        return listing.decide(books, policy, chosen, decision, by, second)


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
    assert decide(world, found) == 1 and proposed(world) == []
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
def test_many_entries_need_two_different_people(world):
    copy_and_spend(world)
    policy = Policy(four_eyes_from=1)
    for by, second, words in (
        ("", "", "nobody said who decides"),
        ("anna", "", "another person has to agree"),
        ("anna", "anna", "another person has to agree"),
        ("anna", "x" * 65, "at most 64"),
    ):
        with pytest.raises(ListingError, match=words):
            decide(world, proposed(world), by=by, second=second, policy=policy)
    assert len(proposed(world)) == 1
    assert decide(world, proposed(world), second="bert", policy=policy) == 1


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
