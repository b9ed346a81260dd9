"""What must come of a history, in integers and dictionaries: the oracle.

It is told only what physically happened: what a chip holds after a card was presented, what the
passenger saw, what people paid, which prices and lists a board switched to, which journals and
chips were destroyed or copied. It imports nothing of ours, so that it can disagree with every
program. `wrong` collects (invariant, sentence). What a ride costs: model_fares.py; what was bought
on the web: model_orders.py; what follows for the books: model_books.py.

Source: trust.md 4.2 (gate rule), 4.3, 4.4, 4.6, 4.7.
"""

from typing import NamedTuple

from simulator.histories.model_fares import Fares
from simulator.histories.model_orders import WEB_PASS, Orders

LOAD, PASS, UNBLOCK, ONLINE = "load", "pass", "unblock", "online"  # ONLINE: done by gates
GRACE_S, GRACE_MIN_S = 15, 9
GREEN, UNKNOWN = "green", "HOLD_AGAIN"
PAID_NOW = ("ACCEPTED",)
PAID_BEFORE = ("ACCEPTED_GRACE", "ACCEPTED_SETTLED")
WELL = (*PAID_NOW, *PAID_BEFORE, "ALREADY_SHOWN", "LOADED", "LOADED_BEFORE")  # what green may say
BARRED = ("REFUSED_BLOCKED", "REFUSED_LISTED", "REFUSED_KILLED")

Writer = tuple[int, int]  # device, seq


class Tx(NamedTuple):
    """One commit that is on a chip: what it changed, and who wrote it."""

    chip: int
    card: int
    n: int
    device: int
    seq: int
    cents: int  # of the purse: below 0 a charge
    actions: int
    blocks: int
    at_s: int
    k: int = 0  # the action it did, as its card counts them; 0 = none
    did: str = ""  # what its record says it did

    @property
    def writer(self) -> tuple[int, int]:
        return self.device, self.seq


class Order(NamedTuple):
    """Something paid for: a load, a pass from one second to another, or a block taken away."""

    kind: str
    cents: int
    from_s: int = 0
    until_s: int = 0


class Chip:
    """What one chip holds; of its blocks `free` are forgiven."""

    def __init__(self, card: int, purse: int, n: int, b: int, a: int) -> None:
        self.card, self.purse, self.n, self.b, self.a = card, purse, n, b, a
        self.txs: list[Tx] = []
        self.free = 0
        self.passes: list[Order] = []


class Model:
    """The whole system, as integers."""

    def __init__(self, home: int) -> None:
        self.chips: dict[int, Chip] = {}
        self.by_writer: dict[Writer, Tx] = {}
        self.by_place: dict[tuple[int, int], set[Writer]] = {}  # (card, n) -> who wrote there
        self.paid: dict[int, list[Order]] = {}  # card -> action 1, 2 ...; of the web what was done
        self.orders = Orders()
        self.doubtful: set[int] = set()  # cards of which there are copies or older images
        self.unshown: dict[tuple[int, int], int] = {}
        self.let_in: set[Writer] = set()
        self.wrong_clocks: dict[int, int] = {}  # device -> until when its journeys are not judged
        self.fares = Fares(home)
        self.unjudged: set[int] = set()
        self.lists: dict[int, dict[int, int]] = {}  # device -> what it has: card -> g
        self.listed: dict[int, int] = {}  # card -> g, once people put it on the hotlist
        self.wrong: list[tuple[str, str]] = []

    # What happens to cards -------------------------------------------------------------

    def issued(self, chip: int, card: int, purse: int, n: int, b: int, a: int,
               device: int, seq: int, at_s: int) -> None:  # fmt: skip
        """Take a card as the issuing office leaves it: one load on it, or nothing."""
        self.chips[chip] = Chip(card, purse, n, b, a)
        self.paid[card] = [Order(LOAD, purse)] if a else []
        if n:
            self._enter(Tx(chip, card, n, device, seq, purse, a, b, at_s))

    def copied(self, chip: int, of: int) -> None:
        """Note that another chip holds everything that chip `of` holds."""
        old = self.chips[of]
        copy = self.chips[chip] = Chip(old.card, old.purse, old.n, old.b, old.a)
        copy.txs, copy.free, copy.passes = list(old.txs), old.free, list(old.passes)
        self.doubtful.add(old.card)

    def put_back(self, chip: int, n: int) -> None:
        """Note that a chip was overwritten with its own image of counter `n`."""
        self.unjudged.add(self.chips[chip].card)  # what it says of journeys is old, too
        now = self.chips[chip]
        if n == now.n:
            return
        self.doubtful.add(now.card)
        while now.txs and now.txs[-1].n > n:
            tx = now.txs.pop()
            now.purse, now.a, now.b = now.purse - tx.cents, now.a - tx.actions, now.b - tx.blocks
            self._take_back(now, tx)
        now.n = n

    def _take_back(self, chip: Chip, tx: Tx) -> None:
        """Forget an action that an older image has not had."""
        if tx.actions:
            order = self.paid[tx.card][chip.a]
            if order in chip.passes:
                chip.passes.remove(order)
            elif order.kind == UNBLOCK:
                chip.free = max(0, chip.b - 1)

    def sold(self, card: int, order: Order) -> int:
        """Take an order that was paid for at the counter; return its number."""
        self.paid[card].append(order)
        return len(self.paid[card])

    # What happens to boards -------------------------------------------------------------

    def rebooted(self, device: int, at_s: int) -> None:
        """A board forgets whom it showed green; a tap of the last seconds may be shown again."""
        for (card, shown_by), _ in list(self.unshown.items()):
            last = self._newest(card)
            if shown_by == device and last is not None and at_s - last.at_s <= GRACE_S:
                self.unshown[card, device] = max(1, self.unshown[card, device])

    def clock_wrong(self, device: int, until_s: int) -> None:
        """Do not judge journeys at this device before `until_s`."""
        self.wrong_clocks[device] = max(until_s, self.wrong_clocks.get(device, 0))

    # What a presentation does -----------------------------------------------------------

    def presented(self, chip: int, device: int, is_gate: bool, purse: int, n: int, b: int, a: int,
                  wrote: tuple[int, int], at_s: int, did: str = "") -> Tx | None:  # fmt: skip
        """Compare a chip with what it held before; return the commit that happened, if one did."""
        was = self.chips[chip]
        after, before = (purse, n, b, a), (was.purse, was.n, was.b, was.a)
        if n == was.n:
            if after != before:
                self._wrong("I1", f"chip {chip}: {before} became {after} without a transaction")
            return None
        tx = Tx(chip, was.card, n, device, wrote[1], purse - was.purse, a - was.a, b - was.b, at_s,
                a if a > was.a else 0, did)  # fmt: skip
        if n != was.n + 1:
            self._wrong("I2", f"chip {chip}: counter went from {was.n} to {n} in one presentation")
        if wrote[0] != device:
            self._wrong("I2", f"chip {chip}: record {n} names device {wrote[0]}, not {device}")
        if purse < 0:
            self._wrong("I1", f"chip {chip}: purse {purse}")
        if tx.actions not in (0, 1) or b < was.b:
            self._wrong("I1", f"chip {chip}: {before} became {after}")
        if not tx.actions and tx.cents > 0:
            self._wrong("I1", f"chip {chip}: {tx.cents} cents came from nowhere")
        if tx.actions and is_gate:
            self._carried_out(tx, was, a)
        elif tx.actions:
            self._served(tx, was, a, b)
        if tx.blocks and tx.card not in self.listed:
            self._wrong("block", f"chip {chip}: blocked by {device}, nobody listed this card")
        if self.is_ride(tx) and was.txs and self._again(tx, was.txs[-1]):
            self._wrong("twice", f"chip {chip}: charged again by {device}, never let in")
        was.purse, was.n, was.b, was.a = purse, n, b, a
        was.txs.append(tx)
        self._enter(tx)
        if self.is_ride(tx):
            self._journey(tx)
        return tx

    def shown(self, number: int, device: int, answer: str, lamp: str, opened: bool,
              tx: Tx | None) -> None:  # fmt: skip
        """Compare what the passenger saw with what was committed in this presentation."""
        chip = self.chips[number]
        card, b = chip.card, chip.b - (tx.blocks if tx is not None else 0)
        rode = tx is not None and self.is_ride(tx)
        key = card, device
        if rode:
            self.unshown[key] = self.unshown.get(key, 0) + 1
        if not answer:
            return  # the power went: nobody saw anything
        what = f"card {card + 1} at device {device}: {answer}"
        if opened and answer not in PAID_NOW + PAID_BEFORE:
            self._wrong("I14", f"{what} opened the gate")
        if opened or answer in PAID_BEFORE:
            self.unshown[key] = self.unshown.get(key, 0) - 1
            if self.unshown[key] < 0 and device in self.wrong_clocks:
                self.unshown[key] = 0  # a record of long ago looks as if it were of this moment
            if self.unshown[key] < 0:
                self.unshown[key] = 0
                self._wrong("I14", f"{what}: opened without a commit")
        if opened or answer in PAID_BEFORE:
            self.let_in.update([tx.writer for tx in chip.txs if self.is_ride(tx)][-1:])
        if answer in PAID_NOW and not rode:
            self._wrong("green", f"{what}, but nothing was committed")
        if (lamp == GREEN) != (answer in WELL):
            self._wrong("lamp", f"{what} with a lamp of {lamp}")
        if rode and lamp != GREEN and answer != UNKNOWN:
            self._wrong("refused", f"{what}, but {-(tx.cents if tx else 0)} cents were charged")
        if opened and (chip.b > chip.free or self.lists.get(device, {}).get(card, 0) > b):
            self._wrong("I15", f"{what}: the card was blocked or listed")
        if answer in BARRED and b <= chip.free and self.listed.get(card, 0) <= b:
            self._wrong("block", f"{what}: nobody listed this card, or it was forgiven")

    def is_blocked(self, number: int) -> bool:
        """Return whether a chip carries a block nobody took away."""
        return self.chips[number].b > self.chips[number].free

    @staticmethod
    def is_ride(tx: Tx) -> bool:
        """Return whether a commit let somebody ride: neither an action nor a block."""
        return not tx.actions and not tx.blocks

    # Inside -----------------------------------------------------------------------------

    def _enter(self, tx: Tx) -> None:
        if tx.writer in self.by_writer:
            self._wrong("I2", f"device {tx.device} entry {tx.seq} is on two cards or twice on one")
        self.by_writer[tx.writer] = tx
        rivals = self.by_place.setdefault((tx.card, tx.n), set())
        if rivals and tx.card not in self.doubtful:
            self._wrong("I2", f"card {tx.card + 1} has two commits at counter {tx.n}")
        rivals.add(tx.writer)

    def _again(self, tx: Tx, last: Tx) -> bool:
        """Say whether this ride repeats one that the same device owes a green for (grace)."""
        owed = self.is_ride(last) and last.writer not in self.let_in
        soon = tx.at_s - last.at_s < GRACE_MIN_S and last.device == tx.device
        return owed and soon and tx.device not in self.wrong_clocks

    def _carried_out(self, tx: Tx, chip: Chip, k: int) -> None:
        """Take an action of a gate: something bought on the web, or nothing in its stead."""
        paid, has_copies = self.paid[tx.card], tx.card in self.doubtful
        at_s = -1 if tx.device in self.wrong_clocks else tx.at_s
        bought, said = self.orders.carried_out(tx.card, tx.did, tx.cents, at_s, has_copies)
        if said:
            self._wrong("I11", f"card {tx.card + 1}: action {k}: {said}")
        order = Order(ONLINE, 0)
        if bought is not None and bought.kind == WEB_PASS:
            order = Order(ONLINE, bought.cents, bought.from_s, bought.until_s)
            chip.passes.append(order)
        if k > len(paid) or not has_copies:
            paid.insert(k - 1, order)

    def _served(self, tx: Tx, chip: Chip, k: int, b: int) -> None:
        paid = self.paid[tx.card]
        if k > len(paid):
            self._wrong("I11", f"card {tx.card + 1}: action {k} was never paid for")
            return
        order = paid[k - 1]
        wanted = order.cents if order.kind == LOAD else 0
        if tx.cents != wanted or order.kind == ONLINE:
            self._wrong("I11", f"card {tx.card + 1}: action {k}: {tx.cents} of {wanted} cents")
        if order.kind == PASS:
            chip.passes.append(order)
        elif order.kind == UNBLOCK:
            chip.free = b

    def _journey(self, tx: Tx) -> None:
        """I13: every ride costs what the fares say, by one of the journeys its card may be on."""
        if tx.card in self.doubtful or tx.at_s < self.wrong_clocks.get(tx.device, 0):
            self.unjudged.add(tx.card)  # its record says another time than ours from now on
        if tx.card not in self.unjudged:
            passes = [(order.from_s, order.until_s) for order in self.chips[tx.chip].passes]
            wrong = self.fares.ride(tx.card, tx.device, -tx.cents, tx.at_s, passes)
            if wrong:
                self._wrong("I13", f"card {tx.card + 1}: {wrong}")

    def _newest(self, card: int) -> Tx | None:
        txs = [chip.txs[-1] for chip in self.chips.values() if chip.card == card and chip.txs]
        return max(txs, key=lambda tx: tx.at_s, default=None)

    def _wrong(self, invariant: str, sentence: str) -> None:
        self.wrong.append((invariant, sentence))
