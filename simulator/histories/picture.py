"""One page with a picture of a history: a lane for every actor, time to the right.

Cards' lanes show the purse as a line; dots are what was answered or done, triangles are faults. One
file, nothing fetched, light and dark, so that it can be sent along with a bug.
"""

import re
from collections.abc import Iterator
from html import escape

from simulator.histories.play import Played
from simulator.histories.trace import Line, moment

LANE, CARD_LANE, LEFT, WIDTH, TOP, BOTTOM = 30, 54, 92, 1480, 26, 34
TICKS_HOURS = (1, 3, 6, 12, 24, 48)
TICKS_MAX = 26
PURSE = re.compile(r"purse -?\d+ -> (-?\d+)")
KINDS = (
    ("go", "accepted or loaded"),
    ("again", "hold or tap again"),
    ("no", "refused"),
    ("other", "anything else"),
    ("fault", "a fault strikes"),
)
STYLE = """
:root{color-scheme:light dark;
--ink:#1c2733;--dim:#69788a;--paper:#fff;--band:#f4f6f9;--rule:#d8dfe7;
--go:#1a7f4e;--again:#b26a00;--no:#8b3fb0;--other:#3f6ea5;--fault:#c8232c;--purse:#3f6ea5}
@media(prefers-color-scheme:dark){:root{--ink:#dfe6ee;--dim:#93a1b1;--paper:#12171d;--band:#1a2129;
--rule:#303b47;--go:#4cc38a;--again:#f0a93b;--no:#c78be8;--other:#7fb0e6;--fault:#ff6b6b;
--purse:#7fb0e6}}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem;color:var(--ink);background:var(--paper)}
h1{font-size:1.5rem;margin:0 0 .3rem}p{margin:.3rem 0;max-width:78rem}.dim{color:var(--dim)}
.wrong{color:var(--fault);font-weight:600}figure{margin:1.2rem 0;overflow-x:auto}
svg{display:block;background:var(--paper)}text{font:11px system-ui,sans-serif;fill:var(--ink)}
text.dim{fill:var(--dim)}.band{fill:var(--band)}.rule{stroke:var(--rule)}
.go{fill:var(--go)}.again{fill:var(--again)}.no{fill:var(--no)}.other{fill:var(--other)}
.fault{fill:var(--fault)}.purse{fill:none;stroke:var(--purse);stroke-width:1.5}
table{border-collapse:collapse;font:12px/1.45 ui-monospace,monospace}
td{padding:1px 14px 1px 0;vertical-align:top;white-space:pre-wrap}td:first-child{white-space:pre}
tr.f td{color:var(--fault)}
"""


def page(found: Played) -> str:
    """Return the page as HTML."""
    struck = ", ".join(f"{name} {count}" for name, count in found.injected.most_common())
    ended = "everything held" if not found.violation else escape(found.violation)
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f"<title>history {found.options.seed}</title><style>{STYLE}</style>"
        f"<h1>History of seed {found.options.seed}</h1>"
        f"<p{' class=wrong' if found.violation else ''}>{ended}</p>"
        f"<p class=dim>{escape(str(found.options))}</p>"
        f"<p class=dim>struck: {escape(struck) or 'nothing'}</p>"
        f"<p class=dim>trace {found.trace_hash}, state {found.state or '-'}, {found.taps} taps</p>"
        f"<figure>{picture(found)}</figure><table>{''.join(map(_row, found.lines))}</table></html>"
    )


def picture(found: Played) -> str:
    """Return the SVG: lanes, purses, dots, faults, hours."""
    actors = sorted({line.actor for line in found.lines} | _cards(found), key=_order)
    lanes, y = {}, TOP
    for actor in actors:
        lanes[actor] = y, CARD_LANE if actor.startswith("card") else LANE
        y += lanes[actor][1]
    last_ms = max([line.at_ms for line in found.lines] + [1])
    in_order = sorted(found.lines, key=lambda line: bool(line.fault))  # faults lie above
    size = f'width="{LEFT + WIDTH + 20}" height="{y + BOTTOM}"'
    return "".join(
        [
            f'<svg {size} role="img" aria-label="what happened, by actor and time">',
            *_bands(lanes),
            *_hours(last_ms, y),
            *(_purse(found, actor, lanes[actor], last_ms) for actor in _cards(found)),
            *(_mark(line, lanes[line.actor], last_ms) for line in in_order),
            *_legend(y + BOTTOM - 8),
            "</svg>",
        ]
    )


def _bands(lanes: dict[str, tuple[int, int]]) -> Iterator[str]:
    width = LEFT + WIDTH + 20
    for number, (actor, (y, height)) in enumerate(lanes.items()):
        if number % 2:
            yield f'<rect class="band" x="0" y="{y}" width="{width}" height="{height}"/>'
        yield f'<text x="6" y="{y + height // 2 + 4}">{escape(actor)}</text>'


def _hours(last_ms: int, bottom: int) -> Iterator[str]:
    hours = last_ms / 3_600_000
    step = next((s for s in TICKS_HOURS if hours / s <= TICKS_MAX), 24 * (1 + int(hours / 600)))
    for hour in range(0, int(hours) + 1, step):
        x = _x(hour * 3_600_000, last_ms)
        said = f"day {hour // 24 + 1}" if hour % 24 == 0 else f"{hour % 24}:00"
        yield f'<path class="rule" d="M{x} {TOP}V{bottom}"/>'
        yield f'<text class="dim" x="{x + 3}" y="{TOP - 8}">{said}</text>'


def _cards(found: Played) -> set[str]:
    return {_card_of(line) for line in found.lines if PURSE.search(line.said)}


def _card_of(line: Line) -> str:
    return line.said.partition(":")[0].partition(" (")[0]


def _purse(found: Played, card: str, lane: tuple[int, int], last_ms: int) -> str:
    """Return the purse as steps from the bottom of the lane (0) to its top (the most there was)."""
    rows = [
        (line.at_ms, int(match[1]))
        for line in found.lines
        if (match := PURSE.search(line.said)) and _card_of(line) == card
    ]
    (top, height), most = lane, max([cents for _, cents in rows] + [1])

    def level(cents: int) -> int:
        return top + height - 6 - cents * (height - 22) // most

    path = f"M{_x(rows[0][0], last_ms)} {level(rows[0][1])}"
    path += "".join(f"H{_x(at_ms, last_ms)}V{level(cents)}" for at_ms, cents in rows[1:])
    said = f'<text class="dim" x="6" y="{top + height - 4}">to {most / 100:.2f}</text>'
    return f'{said}<path class="purse" d="{path}H{LEFT + WIDTH}"/>'


def _mark(line: Line, lane: tuple[int, int], last_ms: int) -> str:
    x, (y, height) = _x(line.at_ms, last_ms), lane
    y += 10 if line.actor.startswith("card") else height // 2
    said = escape(f"{moment(line.at_ms)} {line.actor}: {line.said} {line.fault}")
    if line.fault:
        return f'<path class="fault" d="M{x} {y - 6}l5 9h-10z"><title>{said}</title></path>'
    return (
        f'<circle class="{_kind(line.said)}" cx="{x}" cy="{y}" r="3"><title>{said}</title></circle>'
    )


def _kind(said: str) -> str:
    if "REFUSED" in said or "CODE_" in said:
        return "no"
    if "AGAIN" in said or "the power went" in said:
        return "again"
    return "go" if "ACCEPTED" in said or "LOADED" in said else "other"


def _legend(y: int) -> Iterator[str]:
    x = LEFT
    for kind, said in KINDS:
        if kind == "fault":
            yield f'<path class="fault" d="M{x} {y - 9}l5 9h-10z"/>'
        else:
            yield f'<circle class="{kind}" cx="{x}" cy="{y - 4}" r="4"/>'
        yield f'<text class="dim" x="{x + 9}" y="{y}">{said}</text>'
        x += 40 + 7 * len(said)
    yield f'<path class="purse" d="M{x} {y - 4}h18"/>'
    yield f'<text class="dim" x="{x + 24}" y="{y}">purse of a card</text>'


def _row(line: Line) -> str:
    cells = (moment(line.at_ms), line.actor, line.said, line.fault)
    shown = "".join(f"<td>{escape(cell)}" for cell in cells)
    return f"<tr{' class=f' if line.fault else ''}>{shown}"


def _x(at_ms: int, last_ms: int) -> int:
    return LEFT + at_ms * WIDTH // last_ms


def _order(actor: str) -> tuple[int, int, str]:
    kinds = ("card", "gate", "desk", "depot", "broker", "ledger", "people", "check")
    kind = next((n for n, kind in enumerate(kinds) if actor.startswith(kind)), 9)
    number = re.search(r"\d+", actor)
    return kind, int(number[0]) if number else 0, actor
