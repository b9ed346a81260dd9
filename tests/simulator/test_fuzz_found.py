"""Cases that fuzzing found, as small as they got: each raised what nobody caught, or was taken."""

import json
import re

import pytest

from backend_sync.keyring.wire import encode_frame
from card_layouts.cards.issue import ISSUE, STATE_VERIFIED
from card_layouts.link.messages import STATEMENT
from edge_agent.counter.card_source import card_of_bytes
from edge_agent.counter.image_writing import image_text
from simulator.fuzzing.coverage import Lines, within_steps
from simulator.fuzzing.shared.lines import DEVICE, EPOCH
from simulator.fuzzing.shared.parts import join_parts, split_parts
from simulator.fuzzing.target import outcome_of
from simulator.fuzzing.targets import NAMES
from simulator.worlds.small_tariffs import count_tariff

pytestmark = pytest.mark.requirement("T23")
DEEP = b"[" * 3000
MANY = b"9" * 6000  # digits: more than int() takes of a text
ROW = 64  # bytes of a register's row
END = re.compile(rb"valid_to = [0-9-]+")


def first(name):
    """Return the first seed of a target: a case that is right."""
    return NAMES[name].make().seeds[0]


def changed(name, *path_and_value):
    """Return a JSON seed with the value at a path replaced."""
    *path, last, value = path_and_value
    tree = json.loads(first(name))
    inner = tree
    for key in path:
        inner = inner[key]
    inner[last] = value
    return json.dumps(tree).encode()


def in_part(name, number, *path_and_value):
    """Return the first seed of a target, a value in one of its JSON parts replaced."""
    parts = split_parts(first(name))
    *path, last, value = path_and_value
    tree = json.loads(parts[number])
    inner = tree
    for key in path:
        inner = inner[key]
    inner[last] = value
    parts[number] = json.dumps(tree).encode()
    return join_parts(parts)


def both_deep():
    """Return two files for stations, both brackets without end."""
    return join_parts([DEEP, DEEP])


def listed(kind, name, value):
    """Return a file of rows for the books, one value of its first row replaced."""
    rows = json.loads(NAMES["ledger-lists"].make().seeds[kind][1:])
    rows[0][name] = value
    return bytes([kind]) + json.dumps(rows).encode()


def used_up():
    """Return a dock session with a board that has every number acknowledged that there is."""
    statement = {"layout": 1, "device": DEVICE, "epoch": EPOCH, "acked_seq": (1 << 30) - 1}
    return join_parts([STATEMENT.pack(statement), b"\0\0"])


def foreign_row():
    """Return a register of cards with the row of another batch's card in it."""
    register = bytearray(first("issue-register"))
    register[ROW : 2 * ROW] = ISSUE.pack({**ISSUE.unpack(register[ROW : 2 * ROW]), "serial": 1})
    return bytes(register)


def with_file(flow, number, data):
    """Return a card-files case of a flow in which one file holds `data`."""
    parts = split_parts(first("card-files"))
    parts[0] = bytes([flow, 255, 0])
    parts[number] = data
    return join_parts(parts)


def broken_tariff():
    """Return a package whose table of UTC offsets lies far behind its end."""
    body = bytearray(count_tariff([[250]], 244))
    body[70] = 2
    return bytes(body)


def beyond():
    """Return made cards, the last of which has a number of nine digits."""
    seed = first("delivery")[:1].replace(b"\0", b"\1")
    made = {"state": STATE_VERIFIED, "authority": 244, "batch": 17, "serial": 100_000_000}
    return seed + bytes(ISSUE.pack(made))


FOUND = [
    ("delivery", beyond, "a card whose number nobody can print"),
    ("parties", lambda: b"a = " + DEEP, "brackets without end"),
    ("parties", lambda: b'[authority.1]\nname = "a"\niban = 7', "a number for an account"),
    ("cash-evidence", lambda: DEEP, "brackets without end"),
    ("cash-evidence", lambda: changed("cash-evidence", "slots", 0, "ff" * 108), "no such type"),
    ("cash-evidence", lambda: first("cash-evidence").replace(b'", "00108', b'00", "00108'),
     "a slot of 129 bytes"),
    ("recorded-taps", lambda: b"\xc3", "bytes that are no text"),
    ("recorded-taps", lambda: b'{"a":' * 3000, "brackets without end"),
    ("recorded-taps", lambda: b'{"card": {}, "tap": 7}', "a number for a tap"),
    ("recorded-taps", lambda: b'{"card": {}, "tap": {"at": true, "stop": "K001"}}', "a time"),
    ("signature", lambda: b"\xee" + b"\xff" * 31 + b"\x01" + bytes(63), "a key that is no point"),
    ("vehicle", lambda: b"zones\x1f7", "a blank that only CPython knows"),
    ("card-files", lambda: with_file(0, 2, b"\xfe\xff\xff\xff"), "a counter below 0"),
    ("card-files", lambda: with_file(3, 1, b"\0\0\4\0"), "a purse no record could pay out"),
    ("dump-flipper", lambda: first("dump-flipper").replace(b"UID: 04 ", b"UID: 04\x1f"),
     "a blank that only regular expressions know"),
    ("edge-config", lambda: b"edge = " + DEEP, "brackets without end"),
    ("ledger-config", lambda: b"lease = " + DEEP, "brackets without end"),
    *((name, lambda: b"a = " + MANY, "a number of too many digits")
      for name in ("edge-config", "ledger-config", "batch-file", "tariff-toml")),
    *((name, lambda: b'{"a": ' + MANY + b"}", "a number of too many digits")
      for name in ("card-image", "dump-json", "versions", "counter-keys", "keyring-file")),
    ("keyring-file", lambda: DEEP, "brackets without end"),
    ("keyring-file", lambda: changed("keyring-file", "aid", float("inf")), "an endless number"),
    ("keyring-file", lambda: changed("keyring-file", "aid", 1 << 16), "an id over 16 bits"),
    ("counter-keys", lambda: b'{"aid": ' + DEEP, "brackets without end"),
    ("tariff-toml", lambda: b"a = " + DEEP, "brackets without end"),
    ("survey", lambda: join_parts([b"\0", b"\xa1"]), "a card that keeps its version to itself"),
    ("catalogue", lambda: b"\0" + DEEP, "brackets without end"),
    ("catalogue", lambda: b"\2" + broken_tariff(), "a package that contradicts itself"),
    ("keyring-wire", lambda: encode_frame(["assemble", ["lease", {"device": [], "epoch": 0}]]),
     "a list for a number"),
    ("keyring-wire",
     lambda: encode_frame(["assemble", ["hotlist", {"version": 0, "entries": [b"7"]}]]),
     "an entry that is no three things"),
    ("batch-file", lambda: b"batch = " + DEEP, "brackets without end"),
    ("station-keys", both_deep, "brackets without end"),
    ("station-keys", lambda: in_part("station-keys", 0, "device", 1 << 20), "no such device"),
    ("station-keys", lambda: in_part("station-keys", 0, "ticket", "seed", "11" * 31),
     "a seed of 31 bytes"),
    ("station-keys", lambda: in_part("station-keys", 1, "signers", {"256": "11" * 32}),
     "an authority of nine bits"),
    ("issue-register", foreign_row, "a card of another batch"),
    ("edge-dock", used_up, "a board whose last number is used"),
    ("ledger-lists", lambda: b"\0" + DEEP, "brackets without end"),
    ("ledger-lists", lambda: listed(0, "cents", 2.5), "half a cent"),
    ("ledger-lists", lambda: listed(0, "cents", 1 << 64), "more cents than a column holds"),
    ("ledger-lists", lambda: listed(0, "channel", "\ud800"), "a letter that is none"),
    ("ledger-lists", lambda: listed(1, "time", float("inf")), "an endless number"),
    ("versions", lambda: DEEP, "brackets without end"),
    ("versions", lambda: changed("versions", "extra", []), "a list for an object"),
    ("versions", lambda: changed("versions", "manifests", "tariff-244", "version", -1),
     "a version below 0"),
    (
        "tariff-toml",
        lambda: first("tariff-toml").replace(b'"Europe/Helsinki"', b'"Europe"'),
        "a time zone that is a folder",
    ),
    ("ticket-register", lambda: DEEP + b"\n", "brackets without end"),
    ("ticket-register", lambda: first("ticket-register").replace(b"\n", b"\r", 1),
     "two sales in one line"),
    (
        "tariff-toml",
        lambda: first("tariff-toml").replace(b'"stops.zone_id"', b"2026-01-01"),
        "a date for a list",
    ),
    (
        "tariff-toml",
        lambda: END.sub(b"valid_to = 8095-01-07", first("tariff-toml"), count=1),
        "a tariff for six thousand years",
    ),
    (
        "tariff-toml",
        lambda: first("tariff-toml") + b'\n[calendars.aeons]\nfrom = 0001-01-01\nto = 9999-12-31\n',
        "a calendar of ten thousand years",
    ),
    ("board-config", lambda: changed("board-config", "profile", {"authority": -1}),
     "another authority in the profile"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "case", "what"), FOUND, ids=[f"{row[0]}: {row[2]}" for row in FOUND]
)
def test_what_fuzzing_found_is_refused_by_name_now(name, case, what):
    work = NAMES[name].make()
    try:
        found = case()
        outcome = outcome_of(within_steps(Lines(()), work, found), found)
    finally:
        work.close()
    assert not outcome.failed, outcome
    others = ("cash-evidence", "card-files", "vehicle", "catalogue", "station-keys", "edge-dock")
    assert outcome.kind == "refused" or name in others


def test_a_card_whose_ats_is_empty_is_written_as_an_image_again():
    card = card_of_bytes(changed("card-image", "card", "ats", ""), "found")
    assert card.ats == b""
    assert card_of_bytes(image_text(card, "again").encode(), "again") == card
