"""One page with a picture of a history: a lane for every actor, time to the right.

Dots are what happened, red marks are faults, labels under a card's dots its purse. One file,
nothing fetched, so that it can be sent along with a bug.
"""

from html import escape

from simulator.histories.play import Played
from simulator.histories.trace import moment

LANE, LEFT, WIDTH, TOP = 34, 110, 1500, 40
STYLE = (
    "body{font:14px sans-serif;margin:2em;color:#222}svg{border:1px solid #ccc}"
    "text{font-size:11px}.fault{fill:#c22}.dot{fill:#468}.wrong{fill:#c22;font-weight:bold}"
    "td,th{text-align:left;padding:1px 10px;font:12px monospace;white-space:pre}.f td{color:#a11}"
)


def page(found: Played) -> str:
    """Return the page as HTML."""
    wrong = f'<p class="wrong">{escape(found.violation)}</p>' if found.violation else ""
    rows = "".join(
        f"<tr{' class=f' if line.fault else ''}><td>{moment(line.at_ms)}</td>"
        f"<td>{escape(line.actor)}</td><td>{escape(line.said)}</td>"
        f"<td>{escape(line.fault)}</td></tr>"
        for line in found.lines
    )
    return (
        f"<!doctype html><meta charset=utf-8><title>history {found.options.seed}</title>"
        f"<style>{STYLE}</style><h1>History of seed {found.options.seed}</h1>"
        f"<p>{escape(str(found.options))}</p><p>trace {found.trace_hash}, state"
        f" {found.state or '-'}, {found.taps} taps, {sum(found.injected.values())} faults</p>"
        f"{wrong}{picture(found)}<table>{rows}</table>"
    )


def picture(found: Played) -> str:
    """Return the SVG: lanes, dots, faults, money."""
    actors = sorted({line.actor for line in found.lines}, key=_order)
    lane = {actor: TOP + LANE * number for number, actor in enumerate(actors)}
    last_ms = max([line.at_ms for line in found.lines] + [1])
    height = TOP + LANE * len(actors)
    parts = [f'<svg width="{LEFT + WIDTH + 20}" height="{height}">']
    for actor, y in lane.items():
        parts.append(f'<text x="4" y="{y + 4}">{escape(actor)}</text>')
        parts.append(f'<path d="M{LEFT} {y}h{WIDTH}" stroke="#ddd"/>')
    for line in found.lines:
        x, y = LEFT + line.at_ms * WIDTH // last_ms, lane[line.actor]
        said = escape(f"{moment(line.at_ms)} {line.actor}: {line.said} {line.fault}")
        if line.fault:
            shape = f'path class="fault" d="M{x} {y - 6}l5 10h-10z"'
        else:
            shape = f'circle class="dot" cx="{x}" cy="{y}" r="3"'
        parts.append(f"<{shape}><title>{said}</title></{shape.split()[0]}>")
        before, arrow, after = line.said.partition("-> ")
        if arrow:
            parts.append(f'<text x="{x}" y="{y + 15}">{escape(after.split(",")[0])}</text>')
    return "".join([*parts, "</svg>"])


def _order(actor: str) -> tuple[int, str]:
    kinds = ("card", "gate", "desk", "depot", "broker", "ledger", "people", "check")
    return next((n for n, kind in enumerate(kinds) if actor.startswith(kind)), 9), actor
