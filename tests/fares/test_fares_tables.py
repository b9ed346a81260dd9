"""The accountant's tables: every line is asked of the oracle and of the engine."""

from pathlib import Path

import pytest

from tests import figures
from tests.fares import compare, oracle, oracle_tariff, tables
from tests.fares.engine_side import EngineSide

SHIPPED = Path(__file__).resolve().parents[2] / "backend_sync" / "tariffs" / "shipped"
TAPS = [path for path in sorted(tables.FOLDER.glob("*.txt")) if "price_list" not in path.name]
LISTS = sorted(tables.FOLDER.glob("*price_list.txt"))

IDS_OF = {
    "mikkeli_value": ["W-29", "W-30", "W-34", "W-38", "W-39", "W-40", "W-50", "W-61", "W-62"]
    + ["W-63", "W-64", "W-69", "W-115", "X-13"],
    "mikkeli_passes": ["W-54", "W-56", "W-57", "W-58", "W-59", "W-60", "W-68", "W-70", "W-71"]
    + ["W-72", "W-73", "W-77", "W-78", "W-79", "W-81", "W-82", "W-84", "W-89", "X-13"],
    "mikkeli_purses": [
        "W-49",
        "W-52",
        "W-53",
        "W-74",
        "W-75",
        "W-86",
        "W-87",
        "W-88",
        "W-91",
        "W-50",
    ],
    "hsl": ["W-29", "W-31", "W-57", "W-38"],
    "turku": ["W-39", "W-45", "W-75", "W-76", "W-91"],
    "kotka": ["W-30", "W-38", "W-47", "W-53", "W-55"],
}


@pytest.fixture(scope="module")
def both():
    """Return a function: tariff name -> (the oracle's world, the engine's side)."""
    known = {}

    def of(tariff):
        if tariff not in known:
            folder = SHIPPED / tariff
            world = oracle.read_world(str(folder), "tariff.toml", str(folder / "gtfs"))
            known[tariff] = world, EngineSide(folder)
        return known[tariff]

    return of


def said(decision):
    """Return (pays, by) as a table writes it."""
    if decision["kind"] == "refused":
        return "no", decision["reason"]
    euros, cents = divmod(decision["amount"], 100)
    return f"{euros}.{cents:02}", decision["rule"]


def wrong_lines(both, path, side):
    tariff, lines = tables.read(path)
    world, engine = both(tariff)
    found = []
    for line in lines:
        card, tap, rights = tables.case(world, line)
        ask = compare.asked if side == "oracle" else engine_asked
        decision = (
            ask(world, card, tap, rights) if side == "oracle" else ask(engine, card, tap, rights)
        )
        if said(decision) != (line.pays, line.by):
            found.append(
                f"{line.place}: {side} says {said(decision)}, wanted {line.pays}, {line.by}"
            )
    return lines, found


def engine_asked(engine, card, tap, rights):
    return engine.rate(card, tap, rights)


@pytest.mark.parametrize("side", ["oracle", "engine"])
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(p, id=p.stem, marks=pytest.mark.requirement(*IDS_OF.get(p.stem, ["W-30"])))
        for p in TAPS
    ],
)
def test_fares_every_line_of_the_accountants_tables_holds(both, path, side):
    lines, found = wrong_lines(both, path, side)
    assert not found, "\n".join(found)
    assert len(lines) >= 15
    figures.add("lines of the accountant's tables, oracle and engine", len(lines))


@pytest.mark.requirement("W-55", "W-57", "W-30", "W-114")
@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_fares_published_price_lists_are_what_is_sold(both, path):
    tariff, lines = tables.read(path)
    world, engine = both(tariff)
    tables_of = {table.name: table.prices for table in engine.book.tables}
    numbers = {name: number for number, name in oracle_tariff.group_numbers(world["book"]).items()}
    assert lines
    for line in lines:
        zones = oracle_tariff.letters(world["book"], line.zones)
        price = tables.cents(line.price)
        assert oracle_tariff.sold_sets(world["book"], line.table, line.group)[zones] == price, (
            line.place
        )
        mask = sum(1 << (15 - zone) for zone in oracle_tariff.numbered(world["book"], zones))
        assert tables_of[line.table][mask][numbers[line.group]] == price, line.place
    figures.add("published prices checked", len(lines))


def test_fares_a_wrong_line_of_a_table_is_found(both, tmp_path):
    text = (tables.FOLDER / "kotka.txt").read_text().replace("| 3.25  |", "| 3.26  |")
    planted = tmp_path / "kotka.txt"
    planted.write_text(text.replace("- | - | 3.25 |", "- | - | 3.26 |"))
    for side in ("oracle", "engine"):
        _lines, found = wrong_lines(both, planted, side)
        assert found and "planted" not in found[0]
