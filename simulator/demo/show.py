"""What a person sees of a demo: start-up, one line a tap, and the reconciled ledger at the end."""

import sys
import time
from typing import Any

from backend_sync.ledger.show import difference_line
from simulator.demo.faults import in_words
from simulator.demo.passengers import DAY_S
from simulator.demo.taps import Tapped

WIDTH = 100
DIFFERENCES_SHOWN = 3
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri")
COLOURS = {"green": "\033[32m", "amber": "\033[33m", "red": "\033[31m"}


class Show:
    """Prints to standard output, or to standard error when JSON is wanted there."""

    def __init__(self, json_only: bool = False, quiet: bool = False, trace: bool = False) -> None:
        self.out = sys.stderr if json_only else sys.stdout
        self.quiet = quiet
        self.trace = trace
        self.colour = self.out.isatty()
        self.began = time.monotonic()

    def say(self, text: str) -> None:
        """Print one line."""
        print(text, file=self.out, flush=True)

    def step(self, text: str) -> None:
        """Print one line of the start-up, with the seconds since the beginning."""
        self.say(f"{time.monotonic() - self.began:6.1f} s  {text}")

    def failed(self, sentence: str) -> None:
        """Say why the demo ended early, on standard error."""
        print(f"demo: {sentence}", file=sys.stderr, flush=True)

    def tap(self, number: int, count: int, tapped: Tapped, where: str, cents: int) -> None:
        """Print one tap as it happened; when headless, progress now and then."""
        if self.quiet:
            if number % 100 == 0 or number == count:
                self.step(f"{number} of {count} taps")
            return
        step = tapped.step
        clock = time.strftime("%H:%M:%S", time.gmtime(step.at_s % DAY_S))
        day = WEEKDAYS[min(step.at_s // DAY_S, len(WEEKDAYS) - 1)]
        answer = tapped.answer or "(power cut)"
        kind = "" if step.kind == "plain" else f"  [{step.kind}]"
        paid = f"{cents / 100:6.2f}" if cents else "     -"
        mark = "  UNEXPECTED" if tapped.surprising else ""
        line = (
            f"{number:4} {day} {clock}  V{step.validator + 1} {where:<34.34} "
            f"card {step.card + 1:3} "
            f"{paid}  {self._lamp(tapped.lamp, answer)}{kind}{mark}"
        )
        self.say(line)

    def traced(self, text: str) -> None:
        """Print one event of a validator's flash or reader, with --trace."""
        if self.trace:
            self.say(f"       {text}")

    def result(self, result: dict[str, Any], with_cards: bool) -> None:
        """Print the totals and the sentence that nothing is open, missing or double."""
        self.say("")
        injected = in_words(result["injected"], result["partitions_skipped"])
        for label, value in [*_totals(result), *([("injected", injected)] if injected else [])]:
            self.say(f"{label:<34}{value}")
        if with_cards:
            self.say("")
            self.say(f"{'card':>6} {'on the card':>12} {'ledger':>12}  transactions")
            for row in result["card_list"]:
                mark = "" if row["cents"] == row["ledger_cents"] else "   DIFFERENT"
                self.say(
                    f"{row['card']:>6} {row['cents'] / 100:>12.2f}"
                    f" {row['ledger_cents'] / 100:>12.2f}"
                    f"  {row['n']}{mark}"
                )
        for row in result["differences"][:DIFFERENCES_SHOWN]:
            self.say(f"different: {difference_line(row)}")
        self.say("")
        self.say(result["sentence"])

    def _lamp(self, lamp: str, answer: str) -> str:
        text = f"{answer:<18}"
        return f"{COLOURS[lamp]}{text}\033[0m" if self.colour and lamp in COLOURS else text


def _totals(result: dict[str, Any]) -> list[tuple[str, str]]:
    rerated = result["rerated"]
    return [
        ("taps", f"{result['taps']} ({_counts(result['kinds'])})"),
        ("entries in the ledger", f"{result['entries']} ({_counts(result['entries_by_type'])})"),
        ("money on the cards", _money(result["cards_cents"])),
        ("money the ledger says is on them", _money(result["ledger_cards_cents"])),
        (
            "accounts",
            ", ".join(f"{name} {_money(cents)}" for name, cents in result["accounts"].items()),
        ),
        ("settled", result["settlement"].get("sentence", "not closed")),
        ("sum of all accounts", _money(result["trial_balance_cents"])),
        ("torn taps resolved by", _counts(result["resolved_by"])),
        ("rides decided again", _rerated(rerated, result["price_only_because"])),
        (
            "acknowledgements",
            f"{result['forged_acks']} forged, {result['deleted_on_forged']} deleted on them",
        ),
        ("validators", f"{result['validators']} on MicroPython {result['micropython']}"),
    ]


def _rerated(counts: dict[str, int], because: dict[str, int]) -> str:
    """Return how many rides cost the same again by the right product, and what is left of them."""
    left = [f"{count} {reason}" for reason, count in because.items()]
    price = f"{counts['price_only']} by price only" + (f" ({', '.join(left)})" if left else "")
    return (
        f"{counts['rateable']}: {counts['same']} the same product and price, {price},"
        f" {counts['unrated']} not at all, {counts['differences']} different"
    )


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "none"


def _money(cents: int) -> str:
    return f"{cents / 100:,.2f} EUR"


def sentence(result: dict[str, Any]) -> str:
    """Return what to say of the money, in one sentence: nothing is wrong, or exactly what is."""
    wrong = []
    for key, text in (
        ("open_intents", "{} taps are open: nobody knows yet whether they were charged"),
        ("lost", "{} entries are missing"),
        ("doubled", "{} entries are posted twice"),
        ("forks", "{} transactions have evidence for and against"),
        ("missing_cards", "{} cards paid what no entry explains"),
        ("unsent", "{} entries have not reached the ledger"),
        ("deleted_on_forged", "{} entries were deleted on forged acknowledgements"),
        ("surprises", "{} taps were answered in a way nobody expected"),
        ("never_injected", "{} of the faults that were asked for never came to pass"),
    ):
        if result[key]:
            wrong.append(text.format(result[key]))
    if result["rerated"]["differences"]:
        wrong.append(f"{result['rerated']['differences']} rides differ from the tariff")
    if result["cards_cents"] != result["ledger_cards_cents"]:
        gap = result["ledger_cards_cents"] - result["cards_cents"]
        wrong.append(
            f"the ledger says {abs(gap)} cents {'more' if gap > 0 else 'less'} than the cards hold"
        )
    if "refused" in result["settlement"]:
        wrong.append(result["settlement"]["refused"])
    if result["trial_balance_cents"]:
        wrong.append(f"the accounts sum to {result['trial_balance_cents']} cents")
    if wrong:
        return "NOT RECONCILED: " + "; ".join(wrong) + "."
    return (
        "Reconciled: nothing is open, missing or double; "
        "every cent on every card is where the ledger says."
    )
