"""What must come of tickets and codes: the oracle for those who ride without a card.

Like model.py it is told what physically happened and imports nothing of ours. A ticket's counter
rises by one a ride; green is shown once for each count; codes move no money when they are shown.
Source: card.md section 6; trust.md I14, T14.
"""

PAID_NOW, PAID_BEFORE, UNKNOWN = "ACCEPTED", "ACCEPTED_SETTLED", "HOLD_AGAIN"
SHOWN, SHOWN_S = "ALREADY_SHOWN", 15  # to who had his green at this gate so short a time ago


class Visitors:
    """Tickets and codes, as integers."""

    def __init__(self) -> None:
        self.prices: list[int] = []  # cents of every ticket and code sold
        self.counts: dict[int, int] = {}  # ticket -> its counter
        self.sold_at: dict[int, int] = {}  # ticket -> its counter when it was sold
        self.owed: dict[tuple[int, int], int] = {}  # (ticket, device) -> rides not shown green
        self.greens: dict[tuple[int, int], int] = {}  # (ticket, device) -> when it opened last
        self.undated: set[int] = set()  # tickets that a wrong clock wrote to
        self.wrong: list[tuple[str, str]] = []

    def ticket_sold(self, ticket: int, cents: int, counter: int) -> None:
        """Take the price of a ticket."""
        self.prices.append(cents)
        self.counts[ticket] = self.sold_at[ticket] = counter

    def single_sold(self, cents: int) -> None:
        """Take the price of a code."""
        self.prices.append(cents)

    def ticket_shown(
        self, ticket: int, device: int, before: int, after: int, answer: str, opened: bool,
        at_s: int, must: bool,
    ) -> None:  # fmt: skip
        """Compare a presentation of a ticket with what its counter says.

        `must`: nothing is wrong with the gate, and the ticket is good there.
        """
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
        if must:
            green = answer == SHOWN and at_s - self.greens.get(key, -1 - SHOWN_S) <= SHOWN_S
            if not green and not (opened and answer in (PAID_NOW, PAID_BEFORE)):
                self.wrong.append(("accepted", f"{what}, and nothing was wrong with it"))
        if opened:
            self.greens[key] = at_s
        if after != before and answer not in (PAID_NOW, PAID_BEFORE, UNKNOWN, ""):
            self.wrong.append(("refused", f"{what}, but the ticket was used"))

    def single_shown(
        self, home: bool, zone: bool, sound: bool, genuine: bool, answer: str, opened: bool
    ) -> None:
        """A genuine code opens where and when it is good; what was changed opens nowhere.

        `sound`: nothing is wrong with the gate, its clock neither: it is shown right after its sale
        and for the first time there.
        """
        if genuine and home and zone and sound and not (opened and answer == PAID_NOW):
            self.wrong.append(("accepted", f"a good code was {answer or 'nothing'}"))
        if (opened or answer == PAID_NOW) and not genuine:
            self.wrong.append(("T14", f"a changed code was {answer}"))
        if (opened or answer == PAID_NOW) and not (home and zone) and genuine:
            self.wrong.append(("T14", f"a code was {answer} where it is not good"))

    def rides(self, ticket: int) -> int:
        """Return how often a ticket was used."""
        return self.counts[ticket] - self.sold_at[ticket]
