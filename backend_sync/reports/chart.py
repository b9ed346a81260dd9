"""A table's chart as SVG: bars with their figures beside them, for a page and inside a PDF.

Accessible: a title and a description that says every figure; colours are the page's own
(`currentColor`), so dark and light need nothing. No script, style or font comes along.
"""

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from backend_sync.reports.table import CENTS, DAY, Cell, Column, Table, month_of, order, shown
from backend_sync.reports.words import text_of, word

BARS_MOST = 16
LABEL_W, BAR_W, VALUE_W = 184, 326, 130
HEAD_H, ROW_H, BAR_H, MARGIN = 30, 26, 16, 8
LABEL_LETTERS = 22


def chart(table: Table, language: str = "en", name: str = "chart") -> str:
    """Return the SVG of a table, "" without figures; `name` makes its ids unique on a page."""
    bars = chosen(table)
    if not bars:
        return ""
    assert table.chart
    label = table.columns[table.place(table.chart.label)]
    value = table.columns[table.place(table.chart.value)]
    texts = [(_label(table, label, cell, language), shown(value, n)) for cell, n in bars]
    unit = f" ({table.currency})" if value.type == CENTS else ""
    title = f"{word(value.name, language)}{unit} / {word(label.name, language)}"
    said = "; ".join(f"{text}: {figure}" for text, figure in texts)
    height = HEAD_H + ROW_H * len(bars) + MARGIN
    width = LABEL_W + BAR_W + VALUE_W
    return "".join((
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
        f" aria-labelledby={quoteattr(f'{name}-title {name}-desc')} fill=\"currentColor\""
        ' font-size="13" font-family="sans-serif">',
        f"<title id={quoteattr(f'{name}-title')}>{escape(title)}</title>",
        f"<desc id={quoteattr(f'{name}-desc')}>{escape(said)}</desc>",
        f'<text x="{LABEL_W}" y="17" font-weight="bold">{escape(title)}</text>',
        *_rows([n for _, n in bars], texts), "</svg>",
    ))  # fmt: skip


def _label(table: Table, label: Column, cell: Cell, language: str) -> str:
    """Return a bar's label: the number before its name, for a long name is cut."""
    text = text_of(label, cell, language) or "–"
    name = table.name_of(label.name, cell)
    return f"{text} {name}" if name else text


def chosen(table: Table) -> list[tuple[Cell, int]]:
    """Return the bars to draw: days in order, by month when they are many; else the largest."""
    bars = table.bars()
    if table.chart is None or not any(value for _, value in bars):
        return []
    label = table.columns[table.place(table.chart.label)]
    if label.type != DAY:
        return sorted(bars, key=lambda bar: (-abs(bar[1]), order((bar[0],))))[:BARS_MOST]
    bars.sort(key=lambda bar: order((bar[0],)))
    if len(bars) > BARS_MOST:
        months: dict[Cell, int] = {}
        for day, value in bars:
            month = month_of(day) if isinstance(day, int) else day
            months[month] = months.get(month, 0) + value
        bars = list(months.items())
    return bars[-BARS_MOST:]


def _rows(values: Sequence[int], texts: Sequence[tuple[str, str]]) -> list[str]:
    """Return the bars; a figure below 0 has a hollow one, so that its sign is seen."""
    most = max(*map(abs, values), 1)
    found = []
    for place, (value, (label, figure)) in enumerate(zip(values, texts, strict=True)):
        top = HEAD_H + place * ROW_H
        wide = BAR_W * abs(value) / most
        look = 'fill="none" stroke="currentColor"' if value < 0 else 'fill-opacity="0.7"'
        if len(label) > LABEL_LETTERS:
            label = label[: LABEL_LETTERS - 1] + "…"
        found.append(
            f'<text x="{LABEL_W - 8}" y="{top + 13}" text-anchor="end">{escape(label)}</text>'
            f'<rect x="{LABEL_W}" y="{top}" width="{wide:.1f}" height="{BAR_H}" {look}/>'
            f'<text x="{LABEL_W + wide + 6:.1f}" y="{top + 13}">{escape(figure)}</text>'
        )
    return found
