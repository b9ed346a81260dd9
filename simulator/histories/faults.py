"""The fault atlas: everything that may go wrong in a history, in one table.

`on` is what a fault happens to: a tap of a card or a ticket, a load, a dock visit, or the world at
any moment. `rates` are chances in 1,000 of such an event, of which a seed draws one. `must` is what
a correct system still does. A run set in which a fault of the table never happened fails.
Source: trust.md section 3 (T1 to T28).
"""

from typing import NamedTuple

TAP, LOAD, TICKET, DOCK, WORLD = "tap", "load", "ticket", "dock", "world"
OFTEN, SELDOM, RARE = (50, 150, 400), (20, 60, 150), (5, 15, 40)


class Fault(NamedTuple):
    """One row of the atlas."""

    name: str
    actor: str
    on: tuple[str, ...]
    what: str
    threat: str
    must: str
    rates: tuple[int, ...]


Row = tuple[str, str, tuple[str, ...], tuple[int, ...], str, str, str]


def _rows(*rows: Row) -> list[Fault]:
    return [
        Fault(n, a, on, what, threat, must, rates) for n, a, on, rates, threat, what, must in rows
    ]


CARD = (TAP, LOAD)

# fmt: off
ATLAS = _rows(
    ("card-torn", "card", CARD, OFTEN, "T1",
     "the card leaves at any byte of any exchange",
     "card, journal and ledger agree; who was charged is let through at the next try"),
    ("commit-torn", "card", CARD, OFTEN, "T1",
     "the card leaves between two writes of its commit",
     "the commit is whole or nothing, and the ledger posts what the card holds"),
    ("commit-lost", "card", CARD, OFTEN, "T1",
     "the commit never reaches the card",
     "nothing is charged; the open intent is voided by the next transaction"),
    ("answer-lost", "card", CARD, OFTEN, "T1",
     "the card commits and its answer is lost",
     "the next try is green without a second charge; the intent is posted"),
    ("not-sent", "card", CARD, SELDOM, "T1",
     "the card leaves before the commit is sent",
     "tap again, and one charge"),
    ("many-cards", "card", (TAP,), SELDOM, "T1",
     "two cards lie on the reader",
     "no exchange, no charge, present one card"),
    ("relay", "card", (TAP,), SELDOM, "T4",
     "every exchange takes up to half a second longer",
     "money as for any tap: a relay is not told apart before EV2"),
    ("card-copied", "card", (WORLD,), SELDOM, "T2",
     "a chip is made with everything that is on a card, keys too",
     "the first counter used twice is a fork; nothing of it is posted"),
    ("card-put-back", "card", (WORLD,), SELDOM, "T2",
     "a card is overwritten with an older image of itself",
     "as with a copy"),
    ("power-cut", "gate", CARD, OFTEN, "T16",
     "power goes at any program or erase of the flash during a tap, and again at boot",
     "the journal mounts; what was durable stays; a commit was announced before"),
    ("flash-lost", "gate", (TAP, LOAD, DOCK), SELDOM, "T16",
     "a program or erase of the flash reports done, and nothing took",
     "what was programmed is read back: it is done again elsewhere, or refused"),
    ("flash-worn", "gate", (TAP, LOAD, DOCK), SELDOM, "T16",
     "a few cells of the flash are stuck from now on",
     "the slot is passed over, its number used again"),
    ("flash-dead", "gate", (TAP,), RARE, "T16",
     "a block of a journal takes nothing any more",
     "the block is passed over; what it holds is still read and docked"),
    ("dock-power-cut", "gate", (DOCK,), OFTEN, "T16",
     "power goes in the dock: packages and acknowledgements half taken",
     "old package or new one; no entry is forgotten before its acknowledgement"),
    ("clock-jump", "gate", (WORLD,), SELDOM, "T15",
     "the clock is wrong by up to two days, either way",
     "no wrong post or void: nothing is ordered by clocks"),
    ("clock-stopped", "gate", (WORLD,), SELDOM, "T15",
     "the clock stands still",
     "as above"),
    ("clock-1970", "gate", (WORLD,), SELDOM, "T15",
     "the clock is back at its beginning, or was never set",
     "nothing is charged while it is unset; the floor stays"),
    ("clock-hour", "gate", (WORLD,), SELDOM, "T15",
     "the clock is an hour off: somebody set it to wall time",
     "as above"),
    ("journal-destroyed", "gate", (WORLD,), RARE, "T13",
     "a validator is gone with everything that had not docked",
     "missing money is reported to the cent, card by card"),
    ("validator-stolen", "gate", (WORLD,), RARE, "T6",
     "a thief appends invented taps with the board's own keys and docks it; he forges older ones",
     "older ones are refused, invented ones become cases: never money"),
    ("journal-withheld", "people", (WORLD,), SELDOM, "T13",
     "an operator keeps a validator from every dock, for a while or for good",
     "the records other validators read name it; missing money is sized to the cent"),
    ("link-garbled", "line", (DOCK,), OFTEN, "T23",
     "bytes of the serial line are flipped or lost",
     "frames are asked for again; nothing wrong is taken"),
    ("link-cut", "line", (DOCK,), OFTEN, "T25",
     "the board is taken out of the dock at any moment",
     "the next dock goes on where this one stopped"),
    ("link-replayed", "line", (DOCK,), SELDOM, "T10",
     "somebody on the line repeats old frames",
     "no frame is taken twice"),
    ("link-changed", "line", (DOCK,), SELDOM, "T10",
     "a man in the middle changes frames and makes their checksums right",
     "changed frames are refused"),
    ("hostile-dock", "line", (DOCK,), SELDOM, "T12",
     "a dock without keys sends acknowledgements, packages and pulls",
     "nothing is forgotten, nothing installed, nothing told"),
    ("edge-killed", "edge", (DOCK,), OFTEN, "T17",
     "the agent dies at a statement or commit of its store",
     "nothing lost, nothing doubled: the board has it until the ledger has"),
    ("disk-full", "edge", (DOCK,), SELDOM, "T17",
     "the edge's disk takes no more pages",
     "docks close, journals keep; all goes on when there is room"),
    ("page-corrupted", "edge", (WORLD,), RARE, "T17",
     "bytes of the edge's database are overwritten while it is down",
     "damage is refused by name, or the entries come again from the boards"),
    ("edge-hostile", "edge", (WORLD,), RARE, "T13",
     "its operator deletes or changes entries, or makes up acknowledgements",
     "nothing is forgotten by a board, nothing false posted: it can only delay"),
    ("packages-old", "edge", (WORLD,), SELDOM, "T9",
     "tariffs, lists and leases that were right once are offered again, mixed or cut",
     "refused; boards go on with what is right"),
    ("edge-clock", "edge", (WORLD,), SELDOM, "T15",
     "the edge's calendar is wrong by weeks",
     "docks may refuse; nothing is lost"),
    ("edge-cut", "edge", (WORLD,), SELDOM, "T25",
     "a depot has no network for hours",
     "entries wait at the edge"),
    ("broker-storm", "broker", (WORLD,), SELDOM, "T11",
     "30 % of all messages lost, 50 % doubled, 30 % out of order, for hours",
     "exactly once in the books"),
    ("broker-late", "broker", (WORLD,), SELDOM, "T11",
     "30 % of all messages come up to seven days late",
     "as above; old acknowledgements change nothing"),
    ("broker-forgets", "broker", (WORLD,), SELDOM, "T11",
     "the broker starts anew without its sessions",
     "what it had confirmed is sent again"),
    ("broker-down", "broker", (WORLD,), SELDOM, "T25",
     "the broker is away for hours",
     "everything waits"),
    ("ledger-killed", "ledger", (WORLD,), SELDOM, "T24",
     "the ledger dies before a statement or after a commit",
     "a batch is posted whole or not at all, and acknowledged after"),
    ("ledger-down", "ledger", (WORLD,), SELDOM, "T24",
     "the ledger is away for hours",
     "everything waits"),
    ("ledger-restored", "ledger", (WORLD,), SELDOM, "T12",
     "the books are put back from a copy older than acknowledgements given since",
     "edges and boards send again what is missing"),
    ("acks-forged", "people", (WORLD,), SELDOM, "T12",
     "acknowledgements by a stranger, changed ones, cut ones, old ones",
     "no entry is forgotten"),
    ("entries-forged", "people", (WORLD,), SELDOM, "T10",
     "batches of changed, invented and old entries arrive",
     "none is posted; genuine ones are not displaced"),
    ("packages-mixed", "people", (WORLD,), SELDOM, "T9",
     "packages older, cut, changed, or made for another device",
     "no version ever falls, no foreign package is used"),
    ("actions-old", "edge", (WORLD,), SELDOM, "T9",
     "action lists that were right once are offered again, other boards', mixed or cut",
     "refused, or their lines are passed over: each order is carried out once"),
    ("ticket-torn", "card", (TICKET,), OFTEN, "T1",
     "a tourist ticket leaves at any byte of any exchange, or between its own writes",
     "green once for each count; the ledger's count is the chip's"),
)
# fmt: on
# Of ordinary life every run set must have this as well.
LIVED = (
    "new tariff",
    "day closed",
    "batch adopted",
    "pass sold",
    "load bought on the web",
    "load carried out by a gate",
    "pass bought on the web",
    "pass carried out by a gate",
    "nothing carried out by a gate",
    "two orders for one card",
    "order withdrawn",
    "order paid back",
    "ride on a pass",
    "ride paid after a pass",
    "card reported lost",
    "ride under another authority",
    "card listed",
    "card blocked",
    "block forgiven",
    "ticket tapped",
    "single sold",
    "single scanned",
    "forged single refused",
    "journal missed",
    "record harvested",
)
# And of what is checked, each must have met what it looks for: a check of nothing finds nothing.
REACHED = (
    "I1",
    "I2",
    "I6",
    "I7",
    "I8",
    "I11",
    "I11 money",
    "I13",
    "I14",
    "I15",
    "message",
    "accepted",
    "ticket accepted",
    "code accepted",
    "served",
    "list",
    "missing money",
    "inventions",
    "withheld",
    "clones",
    "outsider",
    *("P1", "P2", "P3", "V1", "V2", "V3"),  # the rules by which the ledger resolved
)
BY_NAME = {fault.name: fault for fault in ATLAS}
