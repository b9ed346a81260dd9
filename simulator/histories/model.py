"""What must come of a history, in integers and dictionaries: the oracle.

It is told only what physically happened: what a chip holds after a card was presented, what the
passenger saw, what people paid, which prices and lists a board switched to, which journals and
chips were destroyed or copied. It imports nothing of ours, so that it can disagree with every
program. `wrong` collects (invariant, sentence). What a ride costs: model_fares.py; what was bought
on the web: model_orders.py; what passengers are told: model_answers.py; what follows for the books:
model_books.py.

Source: trust.md 4.2 (gate rule), 4.3, 4.4, 4.6, 4.7.
"""

from simulator.histories.model_answers import Answers
from simulator.histories.model_cards import LOAD, ONLINE, PASS, UNBLOCK, Chip, Order, Tx, Writer
from simulator.histories.model_clocks import Clocks
from simulator.histories.model_fares import Fares
from simulator.histories.model_orders import WEB_PASS, Orders

GRACE_MIN_S = 9
NOW_S = 120  # journeys count whole minutes


class Model:
    """The whole system, as integers."""

    def __init__(self, home: int) -> None:
        self.chips: dict[int, Chip] = {}
        self.by_writer: dict[Writer, Tx] = {}
        self.by_place: dict[tuple[int, int], set[Writer]] = {}  # (card, n) -> who wrote there
        self.paid: dict[int, list[Order]] = {}  # card -> action 1, 2 ...; of the web what was done
        self.orders = Orders()
        self.doubtful: set[int] = set()  # cards of which there are copies or older images
        self.clocks = Clocks()
        self.fares = Fares(home)
        self.unjudged: set[int] = set()  # chips of whose journeys nothing is known
        self.lists: dict[int, dict[int, int]] = {}  # device -> what it has: card -> g
        self.listed: dict[int, int] = {}  # card -> g, once people put it on the hotlist
        self.wrong: list[tuple[str, str]] = []
        self.answers = Answers(
            self.chips, self.lists, self.listed, self.clocks, self.fares, self.wrong
        )

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
        self.fares.copied(chip, of)
        if of in self.unjudged:
            self.unjudged.add(chip)
        self.doubtful.add(old.card)

    def put_back(self, chip: int, n: int) -> None:
        """Note that a chip was overwritten with its own image of counter `n`."""
        now = self.chips[chip]
        if n == now.n:
            return
        self.unjudged.add(chip)  # what it says of journeys is old, too
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

    # What a presentation does -----------------------------------------------------------

    def presented(
        self, chip: int, device: int, is_gate: bool, purse: int, n: int, b: int, a: int,
        wrote: Writer, at_s: int, did: str = "", began_s: int = 0,
    ) -> Tx | None:  # fmt: skip
        """Compare a chip with what it held before; return the commit that happened, if one did.

        `began_s`: when the ride of its newest record began a journey, as that record says.
        """
        was = self.chips[chip]
        after, before = (purse, n, b, a), (was.purse, was.n, was.b, was.a)
        if n == was.n:
            if after != before:
                self._wrong("I1", f"chip {chip}: {before} became {after} without a transaction")
            return None
        tx = Tx(chip, was.card, n, device, wrote[1], purse - was.purse, a - was.a, b - was.b, at_s,
                a if a > was.a else 0, did, not self.clocks.is_wrong(device, at_s))  # fmt: skip
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
        if tx.is_ride and was.txs and self._again(tx, was.txs[-1]):
            self._wrong("twice", f"chip {chip}: charged again by {device}, never let in")
        was.purse, was.n, was.b, was.a = purse, n, b, a
        was.txs.append(tx)
        self._enter(tx)
        self._journey(tx, began_s)
        return tx

    def must_pass(self, number: int, device: int, at_s: int) -> bool:
        """Say whether a gate with which nothing is wrong has to let a chip ride.

        There is one story about its card; neither a block on it nor the gate's list is against it;
        and it holds the most that the ride may cost.
        """
        chip = self.chips[number]
        if chip.card in self.doubtful or self.is_blocked(number):
            return False
        if self.lists.get(device, {}).get(chip.card, 0) > chip.b:
            return False
        if number in self.unjudged:
            return chip.purse >= self.fares.most(device)
        return chip.purse >= self.fares.dearest(number, device, at_s, self._passes(number))

    def must_load(self, number: int, k: int) -> bool:
        """Say whether a counter with which nothing is wrong has to carry out order `k` of a card.

        It is the card's next; of a pass a counter may find that there is no place for it.
        """
        chip = self.chips[number]
        kind = self.paid[chip.card][k - 1].kind
        is_next = k == chip.a + 1 and chip.card not in self.doubtful
        return is_next and (kind == UNBLOCK or (kind == LOAD and not self.is_blocked(number)))

    def is_blocked(self, number: int) -> bool:
        """Return whether a chip carries a block nobody took away."""
        return self.chips[number].b > self.chips[number].free

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
        owed = last.is_ride and last.writer not in self.answers.let_in
        soon = tx.at_s - last.at_s < GRACE_MIN_S and last.device == tx.device
        return owed and soon and tx.is_timed and last.is_timed

    def _carried_out(self, tx: Tx, chip: Chip, k: int) -> None:
        """Take an action of a gate: something bought on the web, or nothing in its stead."""
        paid, has_copies = self.paid[tx.card], tx.card in self.doubtful
        at_s = tx.at_s if tx.is_timed else -1
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

    def _journey(self, tx: Tx, began_s: int) -> None:
        """I13: every ride costs what the fares say, by one of the journeys its chip may be on.

        A record of another time than ours says nothing; a journey begun since then, at our time,
        is judged again.
        """
        if not tx.is_timed:
            self.unjudged.add(tx.chip)
        elif tx.chip in self.unjudged and tx.is_ride and abs(tx.at_s - began_s) < NOW_S:
            self.unjudged.remove(tx.chip)
            self.fares.forget(tx.chip)
        if tx.is_ride and tx.chip not in self.unjudged:
            passes = self._passes(tx.chip)
            wrong = self.fares.ride(tx.chip, tx.device, -tx.cents, tx.at_s, passes)
            if wrong:
                self._wrong("I13", f"card {tx.card + 1}: {wrong}")

    def _passes(self, number: int) -> list[tuple[int, int]]:
        return [(order.from_s, order.until_s) for order in self.chips[number].passes]

    def _wrong(self, invariant: str, sentence: str) -> None:
        self.wrong.append((invariant, sentence))
