"""What was bought on the web and what became of each order: the part of the oracle for I11.

It knows who paid what, what was withdrawn, until when an order counts, and what physically came
onto cards at gates; never in which order lists have them. An order is carried out once, or its
money goes back once; never both. As the model, it imports nothing of ours. Source: trust.md 4.5.
"""

WEB, WEB_PASS = "web", "web pass"
DID = {"load": WEB, "pass": WEB_PASS}  # what a record says was done, and the kind of order it does
LATE_S = 400  # clocks may differ by five minutes


class Bought:
    """One order; seconds of the history. `from_s` to `until_s` is what a pass is good for."""

    def __init__(
        self, card: int, kind: str, cents: int, ends_s: int, from_s: int = 0, until_s: int = 0
    ) -> None:
        self.card, self.kind, self.cents, self.ends_s = card, kind, cents, ends_s
        self.from_s, self.until_s = from_s, until_s
        self.is_withdrawn = self.is_done = self.is_back = self.is_earned = False


class Orders:
    """Every order, by number. What is wrong is returned as a sentence, "" when nothing is."""

    def __init__(self) -> None:
        self.all: list[Bought] = []

    def buy(self, bought: Bought) -> int:
        self.all.append(bought)
        return len(self.all) - 1

    def open(self, card: int) -> list[int]:
        """Return the orders of a card that are neither on it nor paid back."""
        return [
            number
            for number, bought in enumerate(self.all)
            if bought.card == card and not bought.is_done and not bought.is_back
        ]

    def wanted(self, card: int, now_s: int) -> list[int]:
        """Return those of the open orders that are still to be carried out."""
        found = [(number, self.all[number]) for number in self.open(card)]
        return [n for n, bought in found if not bought.is_withdrawn and now_s <= bought.ends_s]

    def carried_out(
        self, card: int, did: str, cents: int, at_s: int, has_copies: bool
    ) -> tuple[Bought | None, str]:
        """Take what a gate did to a card; `at_s` is -1 when its clock is wrong.

        "nothing" stands in an order's stead and may come for any card that orders are of.
        """
        mine = [b for b in self.all if b.card == card]
        if did == "nothing":
            return None, "" if mine and not cents else f"{cents} cents for nothing"
        right = [b for b in mine if b.kind == DID.get(did) and cents in (b.cents, 0)]
        found = next((b for b in right if b.kind == WEB_PASS or b.cents == cents), None)
        if found is None or (cents == 0) != (found.kind == WEB_PASS):
            return None, f"{did} of {cents} cents, which nobody bought for it on the web"
        twice = found.is_done and not has_copies
        found.is_done = True
        if twice:
            return found, f"{did} of {cents} cents was carried out a second time"
        if found.is_back and not has_copies:
            return found, f"{did} of {cents} cents, whose money went back before"
        if at_s > found.ends_s + LATE_S:
            return found, f"{did} of {cents} cents at {at_s} s, it ended at {found.ends_s} s"
        return found, ""

    def paid_back(self, number: int, now_s: int, nobody_knows: bool) -> str:
        """Note that the books gave an order's money back."""
        bought = self.all[number]
        bought.is_back = True
        if bought.is_done and not nobody_knows:
            return f"order {number}: {bought.cents} cents went back, and are on the card"
        if not bought.is_withdrawn and now_s <= bought.ends_s:
            return f"order {number}: {bought.cents} cents went back, and nobody asked for it"
        return ""

    def cents(self) -> int:
        """Return all that was ever paid on the web."""
        return sum(bought.cents for bought in self.all)
