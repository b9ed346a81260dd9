"""I1 to I16 and what follows from them, each a function with its formula (trust.md 4.6).

`Books` looks after every commit of the ledger at what that commit touched; `checkpoint` looks at
everything now and then; `agreement` at the end, when everything has been healed and delivered.
What a card and a passenger can see (I1, I2, I11, I13, I14, I15) the model checks at once.
"""

import sqlite3
from collections import Counter
from typing import TYPE_CHECKING, Any

from backend_sync.ledger.suspense import suspense
from simulator.histories.model_books import purses
from simulator.histories.places import device_name

if TYPE_CHECKING:
    from simulator.histories.boards import Board
    from simulator.histories.world import World

SUM_WIDTH = 1 << 26  # D and L of a record are sums mod 2^26
LAPSES_S = 90 * 86_400  # without evidence: trust.md 4.3, rule X
Writer = tuple[int, int]


class Books:
    """The ledger's books as a reader sees them, and how far they were checked."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.entries: dict[Writer, bytes] = {}
        self.ever: set[Writer] = set()  # entries it ever held, in books that were replaced too
        self._heads: dict[int, int] = {}
        self.evidence: dict[Writer, set[str]] = {}
        self.transfers: dict[int, set[int]] = {}
        self.batches: dict[int, bytes] = {}  # that were given out -> SHA-256 of all that was signed
        self.resolved = 0  # resolutions when I7 looked last: they only grow
        self._restores = 0
        self._last_posting = self._last_entry = self._last_booking = 0
        self._reader: sqlite3.Connection | None = None

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """Return the rows of a query over the newest commit."""
        if self._reader is None or self._restores != self.world.inland.restores:
            self.forget()
            self._restores = self.world.inland.restores
            self._reader = sqlite3.connect(self.world.inland.books)
        return list(self._reader.execute(sql, values).fetchall())

    def forget(self) -> None:
        """The books were replaced: read them anew."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self._last_posting = self._last_entry = self._last_booking = 0
        self.entries, self.evidence, self.transfers = {}, {}, {}
        self.resolved = 0
        for bought in self.world.model.orders.all:
            bought.is_earned = False

    def after_commit(self) -> None:
        """Check what the last commit brought. Raises: Violation."""
        self.rows("SELECT 1")
        i9_one_entry_a_number(self)
        i4_transfers_balance(self)
        i7_posted_is_on_the_card(self)
        i8_next_transaction_tells(self)
        i5_known_sums(self)
        i11_money_once(self)

    def head(self, device: int) -> int:
        """Return up to which number the ledger has ever held all entries of a device."""
        head = self._heads.get(device, 0)
        while (device, head + 1) in self.ever:
            head += 1
        self._heads[device] = head
        return head

    def heard(self) -> set[Writer]:
        """Return (device, seq) of every entry the ledger holds."""
        return set(self.entries)


def wrong(world: "World", invariant: str, sentence: str) -> None:
    """Stop the history."""
    from simulator.histories.world import Violation

    raise Violation(invariant, sentence)


# After every commit of the ledger --------------------------------------------------------


def i9_one_entry_a_number(books: Books) -> None:
    """(dev, epoch, seq) names one entry: what the ledger holds is what that journal made."""
    world = books.world
    world.checked["I9"] += 1
    for number, device, seq, slot in books.rows(
        "SELECT id, device, seq, slot FROM entries WHERE id > ? ORDER BY id", books._last_entry
    ):
        books._last_entry = number
        board = world.boards.get(device)
        if (device, seq) in books.entries:
            wrong(world, "I9", f"{device_name(device)} entry {seq} is in the books twice")
        books.entries[device, seq] = bytes(slot)
        books.ever.add((device, seq))
        if board is None or board.slots.get(seq) != bytes(slot):
            wrong(world, "I9", f"{device_name(device)} never made the entry {seq} of the books")


def i4_transfers_balance(books: Books) -> None:
    """sum of the lines of every transfer = 0; a pending is transferred once (I10)."""
    world = books.world
    world.checked.update(("I4", "I10"))
    sums: dict[int, int] = {}
    for number, transfer, cents, pending, rule in books.rows(
        "SELECT id, transfer, cents, pending, rule FROM postings WHERE id > ?", books._last_posting
    ):
        books._last_posting = max(books._last_posting, number)
        sums[transfer] = sums.get(transfer, 0) + cents
        if pending is not None and rule != "FORK":
            books.transfers.setdefault(pending, set()).add(transfer)
            if len(books.transfers[pending]) > 1:
                wrong(world, "I10", f"entry {pending} was posted twice")
    for transfer, total in sums.items():
        if total:
            wrong(world, "I4", f"the lines of transfer {transfer} sum to {total} cents")


def i7_posted_is_on_the_card(books: Books) -> None:
    """POST(i) => i is on a card; VOID(i) => i is on none, unless the card has copies."""
    world = books.world
    ((resolved,),) = books.rows("SELECT count(*) FROM resolutions")
    if resolved == books.resolved:
        return
    books.resolved = resolved
    for device, seq, rule, pseudonym in books.rows(
        "SELECT e.device, e.seq, r.rule, c.pseudonym FROM resolutions r"
        " JOIN pendings p ON p.id = r.pending JOIN entries e ON e.id = p.id"
        " JOIN cards c ON c.id = p.card"
    ):
        rules = books.evidence.setdefault((device, seq), set())
        if rule in rules:
            continue
        rules.add(rule)
        world.checked.update(("I7", rule))
        taken = (device, seq) in world.model.by_writer
        what = f"{device_name(device)} entry {seq}: {rule}"
        if (device, seq) in world.invented:
            continue  # genuine to every check: it is a case once the card is seen again
        if rule[0] == "P" and not taken:
            wrong(world, "I7", f"{what}, but no card holds it")
        copied = world.cards_of.get(bytes(pseudonym)) in world.model.doubtful
        if rule[0] == "V" and taken and not copied:
            wrong(world, "I7", f"{what}, but the card holds it")


def i8_next_transaction_tells(books: Books) -> None:
    """Commits at n and n+1 of a card are in the books => that at n is not open any more.

    Whoever made n+1 found n on the card: his record is chained to it, whatever came of his answer.
    At the end of a history hardly an intent has been told of only once: see `agreement`.
    """
    model = books.world.model
    for device, seq in books.rows("SELECT device, seq FROM suspense"):
        tx = model.by_writer.get((device, seq))
        if tx is None or tx.card in model.doubtful:
            continue
        told = sorted(model.by_place.get((tx.card, tx.n + 1), set()) & books.entries.keys())
        if told:
            said = f"{device_name(device)} entry {seq} is open, and {told} tells of it"
            wrong(books.world, "I8", said)


def i5_known_sums(books: Books) -> None:
    """D*(n*) = sum of debits up to n*, L*(n*) likewise; debits known = sum of those posted."""
    world, model = books.world, books.world.model
    world.checked["I5"] += 1
    for pseudonym, n, debits, loads in books.rows("SELECT pseudonym, n, d, l FROM cards"):
        card = world.cards_of.get(bytes(pseudonym))
        if card is None or card in model.doubtful:
            continue
        txs = [tx for chip in model.chips.values() if chip.card == card for tx in chip.txs]
        txs += [model.by_writer[w] for w in model.by_place.get((card, 1), ()) if not txs or
                txs[0].n > 1]  # fmt: skip
        spent = -sum(tx.cents for tx in txs if tx.n <= n and not tx.actions)
        loaded = sum(tx.cents for tx in txs if tx.n <= n and tx.actions)
        if (debits, loads) != (spent % SUM_WIDTH, loaded % SUM_WIDTH):
            wrong(
                world,
                "I5",
                f"card {card + 1} at n {n}: the books say D {debits} L {loads},"
                f" the chip D {spent} L {loaded}",
            )


def i11_money_once(books: Books) -> None:
    """An order is carried out, or its money goes back: never both; a pass is earned on its card."""
    world, orders = books.world, books.world.model.orders
    for number, booked, key in books.rows(
        "SELECT b.id, b.key, a.key FROM bookings b JOIN actions a"
        " ON b.key IN ('actions:' || a.id || ':back', 'actions:' || a.id || ':sold')"
        " WHERE b.id > ? ORDER BY b.id", books._last_booking
    ):  # fmt: skip
        books._last_booking = number
        world.checked["I11 money"] += 1
        order = int(key.removeprefix("web-"))
        nobody_knows = world.nobody_knows(orders.all[order].card)
        said = ""
        if booked.endswith(":back"):
            world.lived["order paid back"] += 1
            said = orders.paid_back(order, world.now_s, nobody_knows)
        else:
            orders.all[order].is_earned = True
        if booked.endswith(":sold") and not orders.all[order].is_done and not nobody_knows:
            said = f"order {order} is earned, and not on its card"
        if said:
            wrong(world, "I11", said)


# Now and then ----------------------------------------------------------------------------


def checkpoint(world: "World") -> None:
    """Check everything that must hold at any moment. Raises: Violation."""
    world.books.after_commit()  # those put back from a copy are read anew
    i3_money_is_conserved(world)
    i5_within_open_intents(world)
    i12_nothing_is_lost(world)
    i16_suspense_is_told(world)
    world.books.resolved = 0  # I7 reads them all again: one may stand in another's place


def i3_money_is_conserved(world: "World") -> None:
    """sum V = sum of loads - sum of debits - sum of refunds, chip by chip and in all."""
    world.checked["I3"] += 1
    for chip in [chip for copies in world.held.values() for chip in copies]:
        told, held = world.model.chips[chip.number], chip.read()
        if (told.purse, told.n, told.b, told.a) != held[:4]:
            wrong(world, "I3", f"{world.card_said(chip)} holds {held[:4]}, wanted {told.purse}")
    model = world.model
    txs = [tx for tx in model.by_writer.values() if tx.card not in model.doubtful]
    if purses(model) != sum(tx.cents for tx in txs):
        wrong(world, "I3", f"purses hold {purses(model)}, commits sum to something else")


def i5_within_open_intents(world: "World") -> None:
    """|LIAB_posted(c) - V(c)| <= sum of open intents of c, V as far as the ledger has heard."""
    world.checked["I5"] += 1
    model, books = world.model, world.books
    heard: Counter[int] = Counter()
    for tx in (model.by_writer[w] for w in books.entries.keys() & model.by_writer.keys()):
        heard[tx.card] += tx.cents
    for pseudonym, posted, waiting in books.rows(
        "SELECT c.pseudonym,"
        " (SELECT coalesce(sum(o.cents), 0) FROM postings o WHERE o.account = c.id),"
        " (SELECT coalesce(sum(p.cents), 0) FROM pendings p WHERE p.card = c.id AND NOT EXISTS"
        " (SELECT 1 FROM resolutions r WHERE r.pending = p.id AND r.rule <> 'X')) FROM cards c"
    ):
        card = world.cards_of.get(bytes(pseudonym))
        if card is None or card in model.doubtful:
            continue
        if abs(posted - heard[card]) > waiting:
            said = f"card {card + 1}: LIAB {posted}, the entries heard sum to {heard[card]}"
            wrong(world, "I5", f"{said}, {waiting} are open")


def i12_nothing_is_lost(world: "World") -> None:
    """deleted(dev, seq) => acknowledged, and the ledger has held it.

    Whatever became of its books since: every durable entry is there, at an edge, or in its journal.
    """
    world.checked["I12"] += 1
    safe = {writer for depot in world.depots for writer in depot.held()}
    safe |= {(d, s) for d, s in world.books.rows("SELECT device, seq FROM entries")}
    for device, board in world.boards.items():
        i12_acknowledged_is_held(world, board)
        if device in world.lost:
            continue
        kept = board.journal.first_kept_seq if board.journal is not None else 0
        for seq in board.slots:
            if seq < kept and (device, seq) not in safe:
                wrong(world, "I12", f"{board.name} forgot entry {seq}, which nobody else holds")


def i12_acknowledged_is_held(world: "World", board: "Board") -> None:
    """A board forgets nothing, and believes nothing acknowledged, that the ledger never held."""
    journal, head = board.journal, world.books.head(board.device)
    if journal is None:
        return
    if journal.acked_seq > head:
        said = f"{board.name} believes {journal.acked_seq} acknowledged"
        wrong(world, "I12", f"{said}, the ledger held {head}")
    if journal.first_kept_seq > head + 1:
        said = f"{board.name} forgot all below {journal.first_kept_seq}"
        wrong(world, "I12", f"{said}, the ledger held {head}")


def i16_suspense_is_told(world: "World") -> None:
    """The suspense report's ages sum to all intents without evidence; none was written off.

    Rule X, which writes them off, may mark what has waited for 90 days and no younger one.
    """
    world.checked["I16"] += 1
    books: Any = world.books  # read as the report reads its database
    for device, seq, waited_s in books.rows(
        "SELECT e.device, e.seq, r.received - e.received FROM resolutions r"
        " JOIN entries e ON e.id = r.pending WHERE r.rule = 'X'"
    ):
        if waited_s < LAPSES_S:
            said = f"{device_name(device)} entry {seq} was written off after {waited_s} s"
            wrong(world, "I16", said)
    (silent,) = books.rows(
        "SELECT count(*), coalesce(sum(p.cents), 0) FROM pendings p WHERE NOT EXISTS"
        " (SELECT 1 FROM resolutions r WHERE r.pending = p.id AND r.rule <> 'X')"
    )
    ages = suspense(books, world.clock.utc_seconds())["ages"].values()
    told = sum(count for count, _ in ages), sum(cents for _, cents in ages)
    if silent != told:
        wrong(world, "I16", f"{silent} intents and cents without evidence, by age told are {told}")
