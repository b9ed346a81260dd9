"""What must come of a history, in integers and dictionaries: the oracle.

It is told only what physically happened: what a chip holds after a card was presented, what the
passenger saw, what people paid, which journals and chips were destroyed or copied. It imports
nothing of ours, so that it can disagree with every program. `wrong` collects (invariant, sentence).

Source: trust.md 4.2 (gate rule), 4.3, 4.4, 4.6.
"""

from typing import NamedTuple

BOTH_ZONES_CENTS = 338  # the dearest journey of the town: both zones
FARES = (250, 338)  # one zone, both
JOURNEY_S = 3600
BORDER_S = 400  # clocks may differ by five minutes, and a journey counts whole minutes
GRACE_S = 15
GRACE_MIN_S = 9
GREEN, AMBER, RED = "green", "amber", "red"
UNKNOWN = "HOLD_AGAIN"
PAID_NOW = ("ACCEPTED",)
PAID_BEFORE = ("ACCEPTED_GRACE", "ACCEPTED_SETTLED")


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

    @property
    def writer(self) -> tuple[int, int]:
        return self.device, self.seq


class Chip:
    """What one chip holds."""

    def __init__(self, card: int, purse: int, n: int, b: int, a: int) -> None:
        self.card, self.purse, self.n, self.b, self.a = card, purse, n, b, a
        self.txs: list[Tx] = []


class Model:
    """The whole system, as integers."""

    def __init__(self) -> None:
        self.chips: dict[int, Chip] = {}
        self.by_writer: dict[tuple[int, int], Tx] = {}
        self.by_place: dict[tuple[int, int], set[tuple[int, int]]] = {}
        self.paid: dict[int, list[int]] = {}  # card -> cents of action 1, 2 ...
        self.doubtful: set[int] = set()  # cards of which there are copies or older images
        self.unshown: dict[tuple[int, int], int] = {}
        self.wrong_clocks: dict[int, int] = {}  # device -> until when its journeys are not judged
        self.journeys: dict[int, set[tuple[int, int]]] = {}  # card -> all (start, cents) possible
        self.unjudged: set[int] = set()
        self.listed: dict[int, int] = {}  # card -> g, once people put it on the hotlist
        self.unblocked: dict[int, int] = {}
        self.wrong: list[tuple[str, str]] = []
        self.commits = self.presentations = 0

    # What happens to cards -------------------------------------------------------------

    def issued(self, chip: int, card: int, purse: int, n: int, b: int, a: int,
               device: int, seq: int, at_s: int) -> None:  # fmt: skip
        """Take a card as the issuing office leaves it: one load on it, or nothing."""
        self.chips[chip] = Chip(card, purse, n, b, a)
        self.paid[card] = [purse] if a else []
        if n:
            self._enter(Tx(chip, card, n, device, seq, purse, a, b, at_s))

    def copied(self, chip: int, of: int) -> None:
        """Note that another chip holds everything that chip `of` holds."""
        old = self.chips[of]
        self.chips[chip] = Chip(old.card, old.purse, old.n, old.b, old.a)
        self.chips[chip].txs = list(old.txs)
        self.doubtful.add(old.card)

    def put_back(self, chip: int, n: int) -> None:
        """Note that a chip was overwritten with its own image of counter `n`."""
        now = self.chips[chip]
        if n == now.n:
            return
        self.doubtful.add(now.card)
        while now.txs and now.txs[-1].n > n:
            tx = now.txs.pop()
            now.purse, now.a, now.b = now.purse - tx.cents, now.a - tx.actions, now.b - tx.blocks
        now.n = n

    def sold(self, card: int, cents: int) -> int:
        """Take a payment for a load; return its number k."""
        self.paid[card].append(cents)
        return len(self.paid[card])

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
                  wrote: tuple[int, int], at_s: int) -> Tx | None:  # fmt: skip
        """Compare a chip with what it held before; return the commit that happened, if one did."""
        self.presentations += 1
        was = self.chips[chip]
        after, before = (purse, n, b, a), (was.purse, was.n, was.b, was.a)
        if n == was.n:
            if after != before:
                self._wrong("I1", f"chip {chip}: {before} became {after} without a transaction")
            return None
        tx = Tx(chip, was.card, n, device, wrote[1], purse - was.purse, a - was.a, b - was.b, at_s)
        if n != was.n + 1:
            self._wrong("I2", f"chip {chip}: counter went from {was.n} to {n} in one presentation")
        if wrote[0] != device:
            self._wrong("I2", f"chip {chip}: record {n} names device {wrote[0]}, not {device}")
        if purse < 0:
            self._wrong("I1", f"chip {chip}: purse {purse}")
        if tx.actions not in (0, 1) or b < was.b or (tx.actions and is_gate):
            self._wrong("I1", f"chip {chip}: {before} became {after}")
        if not tx.actions and tx.cents > 0:
            self._wrong("I1", f"chip {chip}: {tx.cents} cents came from nowhere")
        if tx.actions:
            self._loaded(tx, a)
        if self.is_ride(tx) and was.txs and self._again(tx, was.txs[-1]):
            self._wrong("twice", f"chip {chip}: charged again by {device}, never let in")
        was.purse, was.n, was.b, was.a = purse, n, b, a
        was.txs.append(tx)
        self._enter(tx)
        if self.is_ride(tx):
            self._journey(tx)
        return tx

    def shown(self, card: int, device: int, answer: str, lamp: str, opened: bool,
              tx: Tx | None) -> None:  # fmt: skip
        """Compare what the passenger saw with what was committed in this presentation."""
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
        if answer in PAID_NOW and not rode:
            self._wrong("green", f"{what}, but nothing was committed")
        if rode and lamp != GREEN and answer != UNKNOWN:
            self._wrong("refused", f"{what}, but {-(tx.cents if tx else 0)} cents were charged")
        if opened and self.is_blocked(card):
            self._wrong("I15", f"{what}: the card was blocked")
        if answer in ("REFUSED_BLOCKED", "REFUSED_LISTED", "REFUSED_KILLED"):
            if card not in self.listed:
                self._wrong("block", f"{what}: nobody listed this card")

    def is_blocked(self, card: int) -> bool:
        """Return whether every chip of this card carries a block nobody took away."""
        free = self.unblocked.get(card, 0)
        return all(chip.b > free for chip in self.chips.values() if chip.card == card)

    @staticmethod
    def is_ride(tx: Tx) -> bool:
        """Return whether a commit let somebody ride: neither an action nor a block."""
        return not tx.actions and not tx.blocks

    # What the ledger must say -----------------------------------------------------------

    def forks(self) -> set[tuple[int, int]]:
        """Return the (card, n) that two different commits hold."""
        return {place for place, writers in self.by_place.items() if len(writers) > 1}

    def is_on_card(self, writer: tuple[int, int]) -> bool:
        """Return whether the commit announced by (device, seq) ever was on a chip."""
        return writer in self.by_writer

    def liability(self, card: int, unheard: set[Writer], known: set[Writer]) -> int:
        """Return what LIAB of a card must be when the entries `unheard` never reached anybody.

        Of a card with copies, `known` are those that the books have evidence for and none against.
        """
        total = 0
        for (owner, _), writers in self.by_place.items():
            if owner == card:
                total += sum(self.by_writer[w].cents for w in self._posted(writers, unheard, known))
        return total

    def _posted(
        self, writers: set[Writer], unheard: set[Writer], known: set[Writer]
    ) -> set[Writer]:
        """Return which of the commits at one counter are posted: the one on the card.

        Of a card with copies only those of which the books know no other story.
        """
        doubtful = any(self.by_writer[writer].card in self.doubtful for writer in writers)
        return (writers & known if doubtful else writers) - unheard

    def missing(self, card: int, unheard: set[Writer]) -> int:
        """Return M: what the card paid more than the ledger can know (below 0: less)."""
        txs = [self.by_writer[w] for w in unheard if w in self.by_writer]
        return -sum(tx.cents for tx in txs if tx.card == card)

    def revenue(self, unheard: set[Writer], known: set[Writer]) -> int:
        """Return what was charged, forks and unheard entries left out."""
        found = 0
        for writers in self.by_place.values():
            for writer in self._posted(writers, unheard, known):
                tx = self.by_writer[writer]
                found -= 0 if tx.actions else tx.cents
        return found

    def cash(self) -> int:
        """Return all that was ever paid."""
        return sum(sum(cents) for cents in self.paid.values())

    def purses(self) -> int:
        """Return the sum of all purses, of cards that have one chip with one history."""
        return sum(chip.purse for chip in self.chips.values() if chip.card not in self.doubtful)

    # Inside -----------------------------------------------------------------------------

    def _enter(self, tx: Tx) -> None:
        self.commits += 1
        known = self.by_writer.get(tx.writer)
        if known is not None:
            self._wrong("I2", f"device {tx.device} entry {tx.seq} is on two cards or twice on one")
        self.by_writer[tx.writer] = tx
        rivals = self.by_place.setdefault((tx.card, tx.n), set())
        if rivals and tx.card not in self.doubtful:
            self._wrong("I2", f"card {tx.card + 1} has two commits at counter {tx.n}")
        rivals.add(tx.writer)

    def _again(self, tx: Tx, last: Tx) -> bool:
        """Say whether this ride repeats one that the same device owes a green for (grace)."""
        owed = self.unshown.get((tx.card, tx.device), 0) > 0 and self.is_ride(last)
        soon = tx.at_s - last.at_s < GRACE_MIN_S and last.device == tx.device
        return owed and soon and tx.device not in self.wrong_clocks

    def _loaded(self, tx: Tx, k: int) -> None:
        paid = self.paid[tx.card]
        if k > len(paid):
            self._wrong("I11", f"card {tx.card + 1}: action {k} was never paid for")
        elif tx.cents != paid[k - 1]:
            self._wrong("I11", f"card {tx.card + 1}: action {k}: {tx.cents} of {paid[k - 1]} cents")

    def _journey(self, tx: Tx) -> None:
        """I13: a journey never costs more than the dearest one, a new one never less than a fare.

        Near the end of the window a tap may belong to the old journey or begin a new one: every
        (start, cents charged) that the taps so far allow is kept, and one must be left.
        """
        if tx.card in self.doubtful or tx.at_s < self.wrong_clocks.get(tx.device, 0):
            self.unjudged.add(tx.card)  # its record says another time than ours from now on
        if tx.card in self.unjudged:
            return
        cents, may_be = -tx.cents, set()
        known = self.journeys.get(tx.card, {(tx.at_s - 9 * JOURNEY_S, 0)})
        for start_s, charged in known:
            age = tx.at_s - start_s
            if age <= JOURNEY_S + BORDER_S and charged + cents <= BOTH_ZONES_CENTS:
                may_be.add((start_s, charged + cents))
            if age >= JOURNEY_S - BORDER_S and cents in FARES:
                may_be.add((tx.at_s, cents))
        if not may_be:
            self._wrong("I13", f"card {tx.card + 1}: {cents} cents after {sorted(known)}")
            may_be = {(tx.at_s, cents)}
        self.journeys[tx.card] = may_be

    def _newest(self, card: int) -> Tx | None:
        txs = [chip.txs[-1] for chip in self.chips.values() if chip.card == card and chip.txs]
        return max(txs, key=lambda tx: tx.at_s, default=None)

    def _wrong(self, invariant: str, sentence: str) -> None:
        self.wrong.append((invariant, sentence))
