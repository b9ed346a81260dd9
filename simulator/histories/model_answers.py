"""What passengers are told must fit what happened: the oracle for answers, lamps and gates.

As the rest of the model it imports nothing of ours. Source: trust.md 4.2 (gate rule, message).
"""

from simulator.histories.model_cards import Chip, Tx, Writer
from simulator.histories.model_clocks import Clocks
from simulator.histories.model_fares import Fares

GRACE_S = 15
GREEN, UNKNOWN, UNKNOWN_LOAD = "green", "HOLD_AGAIN", "LOAD_AGAIN"
SHOWN, POOR = "ALREADY_SHOWN", "REFUSED_FUNDS"
PAID_NOW = ("ACCEPTED",)
PAID_BEFORE = ("ACCEPTED_GRACE", "ACCEPTED_SETTLED")
RIDES, LOADS = (*PAID_NOW, *PAID_BEFORE, SHOWN), ("LOADED", "LOADED_BEFORE")
WELL = RIDES + LOADS  # what green may say
BARRED = ("REFUSED_BLOCKED", "REFUSED_LISTED", "REFUSED_KILLED")


class Answers:
    """Who is owed a green, who had it, and what else may be shown; `wrong` is the model's."""

    def __init__(
        self,
        chips: dict[int, Chip],
        lists: dict[int, dict[int, int]],
        listed: dict[int, int],
        clocks: Clocks,
        fares: Fares,
        wrong: list[tuple[str, str]],
    ) -> None:
        self.chips, self.lists, self.listed = chips, lists, listed
        self.clocks, self.fares, self.wrong = clocks, fares, wrong
        self.unshown: dict[tuple[int, int], int] = {}  # (card, device) -> rides not shown green
        self.let_in: set[Writer] = set()

    def rebooted(self, device: int, at_s: int) -> None:
        """A board forgets whom it showed green; a tap of the last seconds may be shown again."""
        for (card, shown_by), _ in list(self.unshown.items()):
            last = self._newest(card)
            if shown_by == device and last is not None and at_s - last.at_s <= GRACE_S:
                self.unshown[card, device] = max(1, self.unshown[card, device])

    def shown(self, number: int, device: int, answer: str, lamp: str, opened: bool,
              tx: Tx | None, at_s: int) -> None:  # fmt: skip
        """Compare what the passenger saw with what was committed in this presentation."""
        chip = self.chips[number]
        card, b = chip.card, chip.b - (tx.blocks if tx is not None else 0)
        rode = tx is not None and tx.is_ride
        key = card, device
        last = [tx for tx in chip.txs if tx.is_ride][-1:]
        if rode:
            self.unshown[key] = self.unshown.get(key, 0) + 1
        if not answer:
            return  # the power went: nobody saw anything
        what = f"card {card + 1} at device {device}: {answer}"
        if opened and answer not in PAID_NOW + PAID_BEFORE:
            self._wrong("I14", f"{what} opened the gate")
        if opened or answer in PAID_BEFORE:
            self.unshown[key] = self.unshown.get(key, 0) - 1
            if self.clocks.is_wrong(device, at_s) or not all(tx.is_timed for tx in last):
                self.unshown[key] = max(0, self.unshown[key])  # what is old may look new
            if self.unshown[key] < 0:
                self.unshown[key] = 0
                self._wrong("I14", f"{what}: opened without a commit")
        if opened or answer in PAID_BEFORE:
            self.let_in.update(tx.writer for tx in last)
        if answer in PAID_NOW and not rode:
            self._wrong("green", f"{what}, but nothing was committed")
        if answer in PAID_NOW + PAID_BEFORE and not opened:
            self._wrong("accepted", f"{what}, and the gate stayed shut")
        has_prices = device in self.fares.prices
        if answer == POOR and has_prices and chip.purse >= self.fares.most(device):
            self._wrong("message", f"{what}, and it holds {chip.purse} cents")
        if answer in (*PAID_BEFORE, SHOWN) and rode:
            self._wrong("message", f"{what}, but it was paid now")
        if (lamp == GREEN) != (answer in WELL):
            self._wrong("lamp", f"{what} with a lamp of {lamp}")
        if rode and lamp != GREEN and answer != UNKNOWN:
            self._wrong("refused", f"{what}, but {-(tx.cents if tx else 0)} cents were charged")
        if opened and (chip.b > chip.free or self.lists.get(device, {}).get(card, 0) > b):
            self._wrong("I15", f"{what}: the card was blocked or listed")
        if answer in BARRED and b <= chip.free and self.listed.get(card, 0) <= b:
            self._wrong("block", f"{what}: nobody listed this card, or it was forgiven")

    def let_pass(self, number: int, device: int, answer: str, at_s: int) -> None:
        """Compare a gate's answer with what it must be for a card with which nothing is wrong.

        "Already shown" is for who holds his card again within seconds, and had his green there.
        """
        what = f"card {self.chips[number].card + 1} at device {device}: {answer or 'nothing'}"
        if answer not in RIDES:
            self._wrong("accepted", f"{what}, and nothing was wrong with it")
        last = [tx for tx in self.chips[number].txs if tx.is_ride][-1:]
        again = [tx for tx in last if tx.device == device and tx.writer in self.let_in]
        if answer == SHOWN and not any(at_s - tx.at_s <= GRACE_S for tx in again):
            self._wrong("accepted", f"{what}, and it had not ridden here a moment ago")

    def served(self, number: int, answer: str) -> None:
        """Compare a counter's answer with what it must be when nothing is wrong."""
        if answer not in LOADS:
            what = f"card {self.chips[number].card + 1} at the counter: {answer or 'nothing'}"
            self._wrong("accepted", f"{what}, and nothing was wrong with it")

    def told(
        self, number: int, device: int, answer: str, said: list[tuple[str, int]], txs: list[Tx]
    ) -> None:
        """Compare what a screen says was done with what was committed since the screen before.

        A load whose answer was lost is told at the next try, at the device that began it.
        """
        older = self.chips[number].txs
        older = older[: len(older) - len(txs)]
        done = [(tx.did, tx.cents) for tx in txs if tx.actions and tx.did != "nothing"]
        late = [(tx.did, tx.cents) for tx in older[-1:] if tx.actions and tx.device == device]
        known = done[:-1] if answer == UNKNOWN_LOAD else done
        if said not in (done, known, late + done, late + known):
            what = f"card {self.chips[number].card + 1} at device {device}: {answer}"
            self._wrong("message", f"{what}: the screen tells {said}, done was {done}")

    def _newest(self, card: int) -> Tx | None:
        txs = [chip.txs[-1] for chip in self.chips.values() if chip.card == card and chip.txs]
        return max(txs, key=lambda tx: tx.at_s, default=None)

    def _wrong(self, invariant: str, sentence: str) -> None:
        self.wrong.append((invariant, sentence))
