"""The ledger for people: aligned lines of text, no figure that `--json` does not have too."""

from collections.abc import Iterable, Sequence
from typing import Any


def money(cents: int) -> str:
    return f"{cents / 100:,.2f}"


def table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Return lines of right-aligned columns under their names."""
    cells = [[str(name) for name in names]] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(names))]
    return ["  ".join(cell.rjust(widths[i]) for i, cell in enumerate(row)) for row in cells]


def suspense_lines(found: dict[str, Any]) -> list[str]:
    """Return what waits as text: intents, holds, and how old they are."""
    lines = []
    for what in ("intents", "holds"):
        rows = found[what]
        lines += [f"{what} that wait: {len(rows)}"]
        if rows:
            names = list(rows[0])
            lines += table(names, [[row[name] for name in names] for row in rows])
        lines.append("")
    ages = [(name, *counted) for name, counted in found["ages"].items()]
    return lines + table(("age", "count", "cents"), ages)


def report_lines(found: dict[str, Any]) -> list[str]:
    """Return the report as text, the sentence about the money last."""
    rules = ", ".join(f"{rule} {count}" for rule, count in found["resolved_by"].items() if count)
    types = ", ".join(f"{name} {count}" for name, count in found["entries_by_type"].items())
    held = money(found["suspense_cents"])
    tickets = _counted(found["tickets"], ("taps", "sold_cents"))
    singles = _counted(found["singles"], ("sold", "sold_cents"))
    lines = [
        f"entries            {found['entries']:>12,}  {types}",
        f"on cards (LIAB)    {money(found['ledger_cards_cents']):>12}  on {found['cards']} cards",
        f"resolved           {sum(found['resolved_by'].values()):>12,}  {rules}",
        *rerated_lines(found),
        f"open intents       {found['open_intents']:>12,}  {held} in suspense",
        f"forks              {found['forks']:>12,}",
        f"quarantined        {sum(found['quarantine'].values()):>12,}  {found['quarantine'] or ''}",
        f"unknown cards      {found['unknown_cards']:>12,}",
        f"ticket taps        {found['tickets']['taps']:>12,}  {tickets}",
        f"singles sold       {found['singles']['sold']:>12,}  {singles}",
        "",
        *table(("account", "cents"), found["accounts"].items()),
        f"trial balance: {found['trial_balance_cents']}",
        "",
        sentence(found),
    ]
    return [line.rstrip() for line in lines]


def _counted(figures: dict[str, int], left_out: tuple[str, ...]) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {count}"
        for name, count in figures.items()
        if count and name not in left_out
    )


def rerated_lines(found: dict[str, Any]) -> list[str]:
    """Return how many taps were repeated, and why of some only the price."""
    counts = {name: count for name, count in found["rerated"].items() if name != "rateable"}
    rated = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items())
    why = ", ".join(f"{count} {reason}" for reason, count in found["price_only_because"].items())
    lines = [f"re-rated           {found['rerated']['rateable']:>12,}  {rated}"]
    return lines + [f"  price only: {why}"] * bool(why)


def difference_line(row: dict[str, Any]) -> str:
    """Return one difference: card, device, entry, and both sides."""
    return (
        f"card {row['pseudonym'][:12]} n {row['n']}, device {row['device']} epoch {row['epoch']}"
        f" seq {row['seq']}: the validator {row['validator']}; the ledger {row['ledger']}"
    )


def sentence(found: dict[str, Any]) -> str:
    """Say that nothing is wrong, or exactly what is."""
    wrong = [
        f"{found[name]} {words}"
        for name, words in (
            ("open_intents", "open"),
            ("lost", "lost"),
            ("doubled", "double"),
            ("forks", "contradicted"),
            ("unbalanced", "unbalanced"),
            ("trial_balance_cents", "cents off balance"),
            ("unknown_cards", "unknown cards"),
        )
        if found[name]
    ]
    wrong += [f"{len(found['missing_money'])} cards with unexplained sums"] * bool(
        found["missing_money"]
    )
    wrong += [f"{found['rerated']['differences']} fares differ"] * bool(
        found["rerated"]["differences"]
    )
    return f"Not settled: {', '.join(wrong)}." if wrong else "Nothing is open, missing or double."
