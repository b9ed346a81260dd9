"""Users: who may do what to whose things, accounts and secrets, and what takes two people."""

import re
from hashlib import sha256
from pathlib import Path

import pytest

from backend_sync.registers import rights
from backend_sync.registers.passwords import PIN_ROLES, Passwords
from backend_sync.registers.proposals import KINDS, Policy
from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import NAMES, ROLES, Role, Scope, User, may, role_of
from tests.backend_sync.builders import AUTHORITY
from tests.backend_sync.registers_world import CHEAP, SECRET, Counted, RegistersWorld, verified

MATRIX = Path(__file__).parent / "role_rights.txt"
HOME = Scope(AUTHORITY, 7, "kamppi", "emma")
AWAY = Scope(91, 8, "pasila", "otto")


@pytest.fixture
def world(bare_url):
    """A register on each of the two databases, that is what its trail says at the end."""
    with verified(bare_url) as made:
        yield made


@pytest.fixture
def quick():
    with verified() as made:
        yield made


def refused(world, change, *arguments):
    before = world.everything()
    with pytest.raises(Refused) as raised:
        change(*arguments)
    assert world.everything() == before
    return str(raised.value)


# --- may(user, right, scope) ---


BONDS = {"a": "authority", "o": "operator", "p": "point", "i": "person"}


def matrix():
    """Return ({(role, right): can have}, {role: bonds}) of the table that people agreed on."""
    lines = MATRIX.read_text(encoding="utf-8").splitlines()
    roles = [line[4:] for line in lines if re.match("# [A-Z] ", line)]
    _, bonds, *rows = [line.split() for line in lines if not line.startswith("#")]
    marks = {
        (role, right): mark == "x"
        for right, *marks in rows
        for role, mark in zip(roles, marks, strict=True)
    }
    bound_to = [{BONDS[letter] for letter in text.strip("-")} for text in bonds[1:]]
    return marks, dict(zip(roles, bound_to, strict=True))


def bound(role, home=HOME):
    """Return a scope that has exactly the bonds of a role."""
    return Scope(**{bond: getattr(home, bond) for bond in role.bound_to})


AGREED, BOUND = matrix()
# Who works with such a system, source by source: W-8, O-18, C-1, and section 1.3's actors. Four of
# R's are W's by another name: client = authority, sales point, carrier = operator, passenger.
ACTORS = {
    "W-8": "passenger, driver, operator, sales point, authority, service point, technical support,"
    " customer support",
    "O-18": "skier, station, consortium, region, card circuit, online shop",
    "C-1": "end customer, brand, distributor",
    "R": "card maker, authority, issuing centre, sales point, passenger, conductor, operator,"
    " dispatch point, transaction processing, tariff department, accountant",
}


@pytest.mark.requirement("W-8", "O-18", "C-1")
@pytest.mark.parametrize("source", ACTORS)
def test_everybody_that_a_source_names_is_a_role_of_its_own_or_one_that_says_so(source):
    roles = {role.name: role for role in ROLES}
    for actor in ACTORS[source].split(", "):
        assert actor in roles
        theirs = roles[actor].source
        assert source in theirs or actor == "passenger", (actor, theirs)


@pytest.mark.requirement("W-8", "W-9", "O-18", "C-1", "W-150")
def test_the_agreed_table_is_about_every_role_and_right():
    assert {role for role, _ in AGREED} == {role.name for role in ROLES}
    assert BOUND == {role.name: set(role.bound_to) for role in ROLES}
    assert {right for _, right in AGREED} == set(NAMES)
    assert len(AGREED) == len(ROLES) * len(NAMES)


@pytest.mark.requirement("W-8", "W-10", "W-11", "O-18", "C-1")
@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_times_right_times_own_and_foreign_is_the_agreed_table(role):
    for right in NAMES:
        user = User("emma", role.name, bound(role), frozenset(NAMES))
        assert may(user, right, HOME) is AGREED[role.name, right], right
        assert not may(user._replace(rights=user.rights - {right}), right, HOME)
        assert not may(user._replace(disabled=True), right, HOME)
        for bond in role.bound_to:
            nobodys = HOME._replace(**{bond: type(getattr(HOME, bond))()})
            assert not may(user, right, HOME._replace(**{bond: getattr(AWAY, bond)})), bond
            assert not may(user, right, nobodys), bond
            # An account that lost its bond has no right at all, not every right.
            loose = user.scope._replace(**{bond: type(getattr(HOME, bond))()})
            assert not may(user._replace(scope=loose), right, HOME)


@pytest.mark.requirement("W-9")
def test_a_new_role_is_a_row_and_nothing_else(world, monkeypatch):
    row = Role("lost property", "W-9", ("authority", "point"), ("cards.see", "cards.report"))
    assert "known roles" in refused(world, world.users.add, world.anna, "lotta", row.name,
                                    Scope(AUTHORITY, point="kamppi"), (), SECRET)  # fmt: skip
    monkeypatch.setattr(rights, "ROLES", (*ROLES, row))
    lotta = world.add("lotta", row.name, point="kamppi")
    assert world.users.sign_in("lotta", SECRET) == lotta
    assert may(lotta, "cards.report", HOME) and not may(lotta, "cards.report", AWAY)
    assert "none that the role" in refused(world, world.users.grant, world.anna, "lotta",
                                           "cards.serve")  # fmt: skip


def test_a_role_that_is_not_known_any_more_may_nothing():
    user = User("emma", "stationmaster", Scope(), frozenset(NAMES))
    assert not any(may(user, right, HOME) for right in NAMES)


# --- accounts ---


@pytest.mark.requirement("W-8", "W-9", "O-18", "C-1", "W-150")
def test_every_role_is_an_account_that_signs_in(world):
    tess = world.add_support("tess")
    for place, role in enumerate(ROLES):
        made, name = bound(role), f"user{place}"
        by = world.anna if made.authority else tess
        rights = role.rights[:1]
        user = world.add(name, role.name, made.authority, made.operator, made.point, rights, by)
        secret = "4711" if role.name in PIN_ROLES else SECRET
        assert world.users.sign_in(name, secret) == user
        assert user.rights == frozenset(rights)


@pytest.mark.requirement("W-11", "X-14")
def test_rights_are_given_and_taken_one_by_one_and_never_to_oneself(world):
    world.users.grant(world.anna, "carl", "cards.see", taken=True)
    assert "cards.see" not in world.users.get("carl").rights
    world.users.grant(world.anna, "carl", "cards.see")
    assert "cards.see" in world.users.get("carl").rights
    rows = world.database.value("SELECT count(*) FROM trail")
    world.users.grant(world.anna, "carl", "cards.see")  # has it: nothing changed, nothing told
    assert world.database.value("SELECT count(*) FROM trail") == rows
    grant = world.users.grant
    assert "nobody changes his own" in refused(world, grant, world.anna, "anna", "keys.approve")
    assert "none that the role" in refused(world, grant, world.anna, "carl", "cards.kill")
    assert "not known" in refused(world, grant, world.anna, "carl", "cards.fly")
    assert "users.grant" in refused(world, grant, world.carl, "dora", "cards.see")
    assert "there is none" in refused(world, grant, world.anna, "zoe", "cards.see")


@pytest.mark.requirement("W-10")
def test_users_of_another_authority_are_neither_seen_nor_changed(world):
    world.registers.found(91, "bea", "another secret")
    bea = world.users.get("bea")
    assert [user.name for user in world.users.seen_by(bea)] == ["bea"]
    assert {user.name for user in world.users.seen_by(world.anna)} == {"anna", "carl", "dora"}
    assert "authority 244, not 91" in refused(world, world.users.disable, bea, "carl")
    assert "authority 244, not 91" in refused(world, world.users.set_secret, bea, "carl", SECRET)
    assert "authority 244, not 91" in refused(
        world, world.users.grant, bea, "carl", "cards.see", True
    )
    assert "users.see" not in world.carl.rights
    assert world.users.seen_by(world.carl) == []


@pytest.mark.requirement("W-129", "W-19", "W-10")
def test_an_operators_main_user_adds_its_own_drivers_only(quick):
    olga = quick.add("olga", "operator", operator=7)
    quick.add("dave", "driver", operator=7, by=olga)
    assert "operator 8, not 7" in refused(
        quick, quick.add, "dirk", "driver", AUTHORITY, 8, "", None, olga
    )


def test_a_disabled_user_is_kept_and_comes_back(world):
    world.users.disable(world.anna, "carl")
    with pytest.raises(Refused, match="carl is disabled"):
        world.users.sign_in("carl", SECRET)
    assert not may(world.users.get("carl"), "cards.see", HOME)
    assert "name is taken" in refused(world, world.add, "carl", "region")
    world.users.disable(world.anna, "carl", disabled=False)
    assert world.users.sign_in("carl", SECRET) == world.carl
    assert "nobody disables" in refused(world, world.users.disable, world.anna, "anna")


@pytest.mark.parametrize(
    ("name", "role", "point", "words"),
    [
        ("Carl", "region", "", "wanted a letter"),
        ("c" * 33, "region", "", "at most 32"),
        ("zoe", "king", "", "known roles: passenger"),
        ("zoe", "sales point", "", "bound to point"),
    ],
)
def test_an_account_that_does_not_fit_is_refused(quick, name, role, point, words):
    given = (quick.anna, name, role, Scope(AUTHORITY, point=point), (), SECRET)
    assert words in refused(quick, quick.users.add, *given)


# --- secrets ---


@pytest.mark.requirement("W-14", "W-150")
def test_a_pin_is_for_drivers_and_a_password_for_everybody_else(quick):
    driver = Scope(AUTHORITY, 7, person="dave")
    for pin in ("123", "1111", "123456789", "12a4", "１２３４"):
        given = (quick.anna, "dave", "driver", driver, (), pin)
        assert "PIN: wanted 4 to 8 digits" in refused(quick, quick.users.add, *given)
    quick.users.add(quick.anna, "dave", "driver", driver, (), "4711")
    assert quick.users.sign_in("dave", "4711").role == "driver"
    assert "password: 4 characters" in refused(
        quick, quick.users.set_secret, quick.anna, "carl", "4711"
    )


@pytest.mark.requirement("W-150")
def test_five_wrong_secrets_lock_an_account_until_it_gets_a_new_one(world):
    for _ in range(5):
        with pytest.raises(Refused, match="no such user, or the secret is wrong"):
            world.users.sign_in("carl", "wrong horse battery")
    with pytest.raises(Refused, match="locked after 5"):
        world.users.sign_in("carl", SECRET)
    world.users.set_secret(world.anna, "carl", "another horse battery")
    assert world.users.sign_in("carl", "another horse battery") == world.carl
    with pytest.raises(Refused, match="no such user"):
        world.users.sign_in("nobody", SECRET)


def test_a_right_secret_forgets_the_wrong_ones_before(quick):
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(Refused):
                quick.users.sign_in("carl", "wrong horse battery")
        quick.users.sign_in("carl", SECRET)


def test_a_secret_is_kept_as_argon2id_with_its_own_salt(quick):
    kept = [row[0] for row in quick.database.rows("SELECT secret FROM users")]
    assert all(text.startswith("$argon2id$v=19$m=8,t=1,p=1$") for text in kept)
    assert len(set(kept)) == len(kept)  # the same password three times
    told = [row[0] for row in quick.database.rows("SELECT after FROM trail")]
    assert not [text for text in told if "argon2" in text or SECRET in text]


def test_an_account_without_a_secret_takes_none():
    passwords = Passwords(Counted(), CHEAP)
    assert not passwords.is_right("", "")
    kept = passwords.keep("x")
    assert passwords.is_right("x", kept)
    # What is checked instead of it costs as much: the same memory, passes, salt and length.
    nobody, made = passwords.nobody.split("$"), kept.split("$")
    assert nobody[:4] == made[:4] and list(map(len, nobody)) == list(map(len, made))


# --- four eyes ---


@pytest.fixture
def pair(world):
    """Anna asks, Alma of the same authority agrees."""
    return world, world.anna, world.add("alma", "authority")


@pytest.mark.requirement("X-14")
def test_a_large_hotlist_waits_for_another_person_and_is_taken_once(pair):
    world, anna, alma = pair
    desk = world.proposals
    assert not desk.needed("hotlist", 9) and desk.needed("hotlist", 10)
    asked = desk.propose(anna, "hotlist", AUTHORITY, 12, "cards copied at Kamppi", "ab" * 32)
    number = asked.number
    taking = (anna, number, "hotlist", 12, "ab" * 32)
    assert "is open, wanted approved" in refused(world, desk.take, *taking)
    assert "another has to agree" in refused(world, desk.decide, anna, number)
    assert "hotlist.approve" in refused(world, desk.decide, world.dora, number)
    assert desk.decide(alma, number).second == "alma"
    assert "about hotlist 12" in refused(world, desk.take, anna, number, "hotlist", 13, "ab" * 32)
    assert "about hotlist 12" in refused(world, desk.take, anna, number, "hotlist", 12, "cd" * 32)
    assert desk.take(*taking).state == "taken"
    assert "is taken, wanted approved" in refused(world, desk.take, *taking)
    assert "nothing can be decided" in refused(world, desk.decide, alma, number)
    assert (desk.get(number).by, desk.get(number).second) == ("anna", "alma")


@pytest.mark.requirement("X-14")
def test_a_proposal_expires_whether_it_was_approved_or_not(pair):
    world, anna, alma = pair
    desk = world.proposals
    for approved in (False, True):
        number = desk.propose(anna, "refund", AUTHORITY, 7000, "two cards, paid twice").number
        if approved:
            desk.decide(alma, number)
        world.clock.now += Policy().expires_s
        assert desk.get(number).state == "expired"
        assert "is expired" in refused(world, desk.take, anna, number, "refund", 7000)
        assert "is expired" in refused(world, desk.decide, alma, number)


@pytest.mark.requirement("X-14")
def test_a_proposal_is_refused_by_the_other_or_taken_back_by_who_asked(pair):
    world, anna, alma = pair
    for by in (anna, alma):
        number = world.proposals.propose(anna, "refund", AUTHORITY, 7000, "paid twice").number
        world.proposals.decide(by, number, "refused")
        assert "is refused" in refused(world, world.proposals.take, anna, number, "refund", 7000)


@pytest.mark.requirement("X-14")
def test_every_kind_takes_rights_that_some_role_can_have():
    assert [kind.name for kind in KINDS] == ["hotlist", "key", "refund", "question"]
    for kind in KINDS:
        assert {kind.right, kind.second} <= set(NAMES)
        assert [role.name for role in ROLES if kind.second in role.rights]
    policy = Policy()
    assert RegistersWorld().proposals.needed("refund", 5000) is False
    assert policy.refund == 5001 and policy.key == 1


@pytest.mark.requirement("X-14")
def test_the_use_of_a_key_takes_two_of_technical_support(world):
    tess, toby = (world.add_support(name) for name in ("tess", "toby"))
    words = "retire K1 generation 3"
    digest = sha256(words.encode()).hexdigest()
    asking = (tess, "key", AUTHORITY, 1, words)
    assert "that of the words is" in refused(world, world.proposals.propose, *asking, "ab" * 32)
    number = world.proposals.propose(*asking).number
    assert "keys.approve" in refused(world, world.proposals.decide, world.anna, number)
    world.proposals.decide(toby, number)
    assert "not about key 1" in refused(world, world.proposals.take, tess, number, "key", 1, "")
    assert world.proposals.take(tess, number, "key", 1, digest).state == "taken"


def test_a_proposal_that_does_not_fit_is_refused(quick):
    desk = quick.proposals
    assert "amount 0" in refused(quick, desk.propose, quick.anna, "refund", AUTHORITY, 0, "x")
    assert "0 characters" in refused(quick, desk.propose, quick.anna, "refund", AUTHORITY, 1, "")
    assert "not known" in refused(quick, desk.propose, quick.anna, "gift", AUTHORITY, 1, "x")
    assert "authority 91" in refused(quick, desk.propose, quick.anna, "refund", 91, 1, "x")
    assert "there is none" in refused(quick, desk.decide, quick.anna, 5)


def test_the_first_user_has_every_right_of_the_authority_and_no_more(quick):
    assert quick.anna.rights == frozenset(role_of("authority").rights)
    assert "is in this register already" in refused(
        quick, quick.registers.found, AUTHORITY, "eve", SECRET
    )
    assert "wanted 1..255" in refused(quick, quick.registers.found, 256, "eve", SECRET)
    assert "the scheme's own" in refused(
        quick, quick.add, "theo", "technical support", AUTHORITY, 0, "", ["keys.approve"]
    )
    quick.add_support("tess")
    assert "has users already" in refused(quick, quick.registers.found, 0, "eve", SECRET)
    assert "authority of nobody, not 244" in refused(
        quick, quick.add, "theo", "technical support", 0
    )
