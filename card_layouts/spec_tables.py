"""Write the bit tables of SPEC.md from the layouts, so that text and code cannot drift apart.

CPython only, left out of the board's image. Names, bits and widths come from the Layout objects;
unit, range, meaning and requirement ids from spec_fields.tsv; examples from spec_examples.json.
Run `python -m card_layouts.spec_tables` after changing any of them; a test compares.
"""

from __future__ import annotations

import csv
import json
import re
from importlib import import_module
from pathlib import Path

from card_layouts.codec.bits import Layout

FOLDER = Path(__file__).resolve().parent
SPEC = FOLDER / "SPEC.md"
MODULES = (
    "cards.card_layout",
    "cards.issue",
    "cards.ulc_layout",
    "records.slot",
    "records.entries_tap",
    "records.entries_device",
    "records.entries_service",
    "packages.ack",
    "packages.lease",
    "packages.actions",
    "packages.action_list",
    "packages.hotlist",
    "packages.hotlist_layout",
    "packages.manifest",
    "tickets.single",
)
GAPS = ("free", "spare")
MARKED = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
HEAD = "| bit | width | field | unit | range | meaning | ids |\n|---|---|---|---|---|---|---|\n"

Row = tuple[str, int, str]


def all_layouts() -> dict[str, Layout]:
    """Return every table by its name."""
    found = {}
    for module in MODULES:
        for item in vars(import_module("card_layouts." + module)).values():
            if isinstance(item, Layout):
                found[item.name] = item
    return found


def field_notes() -> dict[tuple[str, str], dict[str, str]]:
    """Return {(table, field): {unit, range, meaning, ids}}; repeated fields end in [i]."""
    with (FOLDER / "spec_fields.tsv").open(newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {(row["table"], row["field"]): row for row in rows}


def table_rows(layout: Layout, repeated: set[str]) -> list[Row]:
    """Return (bit, width, field) as shown: a repeated group once, as `first + stride i`."""
    rows = list(layout.rows())
    strides = _strides(rows, repeated)
    shown: list[Row] = []
    group = None  # index of the repeated group the row before belongs to
    for bit, width, name in rows:
        base, index = _split(name, repeated)
        if base is not None:
            group = index
            if index == 0:
                shown.append((f"{bit} + {strides[base]} i", width, f"{base}[i]"))
        elif name == "free" and group is not None and _pads_group(rows, bit, strides):
            if group == 0:
                shown.append((f"{bit} + {max(strides.values())} i", width, "free"))
        else:
            group = None
            shown.append((str(bit), width, name))
    return shown


def render_table(layout: Layout, notes: dict[tuple[str, str], dict[str, str]]) -> str:
    """Return the Markdown table of a layout, with the line that states its size."""
    repeated = {
        field[:-3] for table, field in notes if table == layout.name and field[-3:] == "[i]"
    }
    free = sum(width for _, width, name in layout.rows() if name in GAPS)
    lines = [f"{layout.size} bytes = {layout.size * 8} bits, {free} free.\n\n", HEAD]
    for bit, width, field in table_rows(layout, repeated):
        note = notes.get((layout.name, field))
        if note is None and field not in GAPS:
            raise KeyError(f"spec_fields.tsv: no row {layout.name}.{field}")
        cells = [note[key] for key in ("unit", "range", "meaning", "ids")] if note else ["", "0"]
        if field == "spare":
            cells = ["", "ones", "left erased", ""]
        cells += [""] * (4 - len(cells))
        lines.append(f"| {bit} | {width} | {field} | " + " | ".join(cells) + " |\n")
    return "".join(lines)


def render_example(layout: Layout, examples: dict[str, dict]) -> str:
    """Return the example of a table in hex, or nothing if none is given."""
    if layout.name not in examples:
        return ""
    given = examples[layout.name]
    values = {
        name: bytes.fromhex(value) if isinstance(value, str) else value
        for name, value in given.items()
    }
    packed = layout.pack(values)
    if layout.name == "BLOCK_HEADER":
        raise ValueError("a page's example would fill a page")
    said = ", ".join(f"{name} {value}" for name, value in given.items())
    return f"\nExample: {said}; all else 0:\n`{packed.hex()}`\n"


def render_spec(text: str) -> str:
    """Return SPEC.md with every marked table made anew. Raises: KeyError if one is not known."""
    layouts = all_layouts()
    notes = field_notes()
    examples = json.loads((FOLDER / "spec_examples.json").read_text())

    def fill(match: re.Match[str]) -> str:
        layout = layouts[match[2]]
        return match[1] + render_table(layout, notes) + render_example(layout, examples) + match[3]

    return MARKED.sub(fill, text)


def _split(name: str, repeated: set[str]) -> tuple[str | None, int]:
    base = name.rstrip("0123456789")
    return (base, int(name[len(base) :])) if base != name and base in repeated else (None, 0)


def _strides(rows: list[tuple[int, int, str]], repeated: set[str]) -> dict[str, int]:
    bits = {name: bit for bit, _, name in rows}
    return {base: bits[base + "1"] - bits[base + "0"] for base in repeated}


def _pads_group(rows: list[tuple[int, int, str]], bit: int, strides: dict[str, int]) -> bool:
    # Padding inside a group comes again one stride before or after; the gap at the end does not.
    stride = max(strides.values())
    return any(name == "free" and abs(other - bit) == stride for other, _, name in rows)


def main() -> None:
    """Rewrite the tables of SPEC.md in place."""
    SPEC.write_text(render_spec(SPEC.read_text()))


if __name__ == "__main__":
    main()
