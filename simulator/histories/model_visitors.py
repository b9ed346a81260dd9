"""What must come of tickets and codes: the oracle for those who ride without a card.

Like model.py it is told what physically happened and imports nothing of ours. A ticket's counter
rises by one a ride; green is shown once for each count; codes move no money when they are shown.
Source: card.md section 6; trust.md I14, T14.
"""

PAID_NOW, PAID_BEFORE, UNKNOWN = "ACCEPTED", "ACCEPTED_SETTLED", "HOLD_AGAIN"


class Visitors:
    """Tickets and codes, as integers."""

    def __init__(self) -> None:
        self.prices: list[int] = []  # cents of every ticket and code sold
        self.counts: dict[int, int] = {}  # ticket -> its counter
        self.sold_at: dict[int, int] = {}  # ticket -> its counter when it was sold
        self.owed: dict[tuple[int, int], int] = {}  # (ticket, device) -> rides not shown green
        self.wrong: list[tuple[str, str]] = []

    def ticket_sold(self, ticket: int, cents: int, counter: int) -> None:
        """Take the price of a ticket."""
        self.prices.append(cents)
        self.counts[ticket] = self.sold_at[ticket] = counter

    def single_sold(self, cents: int) -> None:
        """Take the price of a code."""
        self.prices.append(cents)

    def ticket_shown(
        self, ticket: int, device: int, before: int, after: int, answer: str, opened: bool
    ) -> None:
        """Compare a presentation of a ticket with what its counter says."""
        what, key = (
            f"ticket {ticket + 1} at device {device}: {answer or 'nothing'}",
            (ticket, device),
        )
        if before != self.counts[ticket] or after not in (before, before + 1):
            self.wrong.append(("I1", f"{what}: counter {self.counts[ticket]}, {before}, {after}"))
        self.counts[ticket] = after
        self.owed[key] = self.owed.get(key, 0) + after - before
        if opened:
            self.owed[key] -= 1
            if answer not in (PAID_NOW, PAID_BEFORE) or self.owed[key] < 0:
                self.owed[key] = 0
                self.wrong.append(("I14", f"{what}: opened without a count"))
        if after != before and answer not in (PAID_NOW, PAID_BEFORE, UNKNOWN, ""):
            self.wrong.append(("refused", f"{what}, but the ticket was used"))

    def single_shown(
        self, home: bool, zone: bool, in_time: bool, genuine: bool, answer: str, opened: bool
    ) -> None:
        """A genuine code opens where and when it is good; what was changed opens nowhere."""
        if (opened or answer == PAID_NOW) and not genuine:
            self.wrong.append(("T14", f"a changed code was {answer}"))
        if (opened or answer == PAID_NOW) and not (home and zone) and genuine:
            self.wrong.append(("T14", f"a code was {answer} where it is not good"))

    def rides(self, ticket: int) -> int:
        """Return how often a ticket was used."""
        return self.counts[ticket] - self.sold_at[ticket]
