"""SPEC.md says what the layouts do: read back from the text, bit by bit."""

import re

import pytest

from card_layouts import spec_tables

TEXT = spec_tables.SPEC.read_text()
LAYOUTS = spec_tables.all_layouts()
ROW = re.compile(r"^\| (\d+)(?: \+ (\d+) i)? \| (\d+) \| (\S+) \|", re.MULTILINE)
EXAMPLE = re.compile(r"\nExample: [^`]*\n`([0-9a-f]+)`")


def section(name):
    """Return the generated part of SPEC.md that belongs to a table."""
    return re.search(rf"<!-- table {name} -->\n(.*?)<!-- end -->", TEXT, re.DOTALL)[1]


def rows_in_text(layout):
    """Return (bit, width, name) as a reader of SPEC.md would lay them out."""
    rows = []
    for bit, stride, width, field in ROW.findall(section(layout.name)):
        if not stride:
            rows.append((int(bit), int(width), field))
            continue
        base = field.removesuffix("[i]")
        for i in range(repeats(layout, stride)):
            name = base if base == "free" else f"{base}{i}"
            rows.append((int(bit) + int(stride) * i, int(width), name))
    return sorted(rows)


def repeats(layout, stride):
    names = [name for _, _, name in layout.rows()]
    group = re.search(r"(\w+)\[i\]", section(layout.name))[1]
    return sum(1 for name in names if re.fullmatch(group + r"\d+", name))


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.requirement("D4", "D32", "W-95")
def test_a_table_in_the_text_has_the_bits_widths_and_names_of_the_layout(layout):
    assert rows_in_text(layout) == list(layout.rows())
    assert section(layout.name).startswith(f"{layout.size} bytes = {layout.size * 8} bits, ")


def test_the_text_is_what_the_generator_writes():
    assert spec_tables.render_spec(TEXT) == TEXT, "run: python -m card_layouts.spec_tables"


def test_every_note_belongs_to_a_field():
    shown = set()
    for layout in LAYOUTS.values():
        repeated = {
            f[:-3] for t, f in spec_tables.field_notes() if t == layout.name and f[-3:] == "[i]"
        }
        shown |= {(layout.name, row[2]) for row in spec_tables.table_rows(layout, repeated)}
    assert set(spec_tables.field_notes()) <= shown


def test_examples_are_of_the_size_of_their_table():
    found = 0
    for layout in LAYOUTS.values():
        for packed in EXAMPLE.findall(section(layout.name)):
            assert len(packed) == layout.size * 2
            found += 1
    assert found >= 12


def test_the_design_s_example_of_a_record_stands_in_the_text():
    assert (
        "2080499c01e24014000072000195752a0002a40011040005dc1e8088618c006c001520000011223344556677"
        in TEXT
    )
