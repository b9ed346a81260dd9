"""A tariff's files are read with the place of every key; what does not fit is said in full."""

import tomllib
from pathlib import Path

import pytest

from backend_sync.tariffs import grammar
from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.forms import cents, rounded, weekdays
from backend_sync.tariffs.positions import positions
from backend_sync.tariffs.source import TariffFault, read_source
from card_layouts.cards.zones import zones_run

TARIFFS = Path(grammar.__file__).parent
SHIPPED = sorted((TARIFFS / "shipped").glob("*/*.toml"))
SMALL = """\
authority = 9
currency = "EUR"
valid_from = 2026-01-01
valid_to = 2026-12-31
timezone = "Europe/Helsinki"
[zones]
order = ["A", "B", "C"]
[groups]
child = { ages = [7, 16], class = "child" }
adult = { ages = [17, 120], class = "adult" }
[prices.value]
by = "count"
adult = [251, 338, "4.15"]
child = { derive = { from = "adult", percent = 50, round = "half_up" } }
[products.value]
number = 1
kind = "purse"
prices = "value"
"""


def written(folder: Path, text: str, name: str = "tariff.toml") -> Path:
    (folder / name).write_text(text)
    return folder / name


def faults(path: Path) -> list[str]:
    with pytest.raises(TariffFault) as caught:
        read_tariff(path)
    return [str(finding) for finding in caught.value.findings]


@pytest.mark.requirement("W-114")
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_key_of_a_shipped_tariff_has_its_line(path):
    text = path.read_text()
    lines, written_lines = positions(text).lines, text.splitlines()

    def walk(value, at=()):
        if at:
            assert str(at[-1]) in written_lines[lines[at] - 1] or isinstance(at[-1], int), at
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, below in items:
            assert (*at, key) in lines
            if isinstance(below, dict | list):
                walk(below, (*at, key))

    walk(tomllib.loads(text))
    assert positions(text).twice == []


def test_the_readme_shows_the_grammar_that_is_enforced():
    assert grammar.markdown() in (TARIFFS / "README.md").read_text()


@pytest.mark.requirement("W-30", "W-31")
def test_rows_become_explicit_cents_for_every_run(tmp_path):
    book = read_tariff(written(tmp_path, SMALL)).book
    adult, child = book.groups[1].number, book.groups[0].number
    prices = book.tables[0].prices
    assert len(prices) == 6
    assert prices[zones_run(1, 2)] == {adult: 338, child: 169}
    assert prices[zones_run(1, 3)] == {adult: 415, child: 208}, "half up, not the published 207"
    assert book.groups[0].following == adult


def test_a_derived_price_remembers_how_it_came_about(tmp_path):
    derived = read_tariff(written(tmp_path, SMALL)).derived
    assert derived[-1].words(2) == "50 % of adult 4.15, half_up: 2.08"


def test_every_fault_is_named_with_its_place_and_remedy(tmp_path):
    text = SMALL.replace("timezone", "timezoen").replace("[251, 338", "[2.51, 338")
    text = text.replace('kind = "purse"', 'kind = "wallet"')
    assert faults(written(tmp_path, text)) == [
        "tariff.toml:1: missing-key: timezone is missing; wanted always; "
        "write it: IANA name; compiled to a table of UTC offsets",
        "tariff.toml:5: unknown-key: timezoen is no key of a tariff; did you mean timezone?",
        "tariff.toml:13: form: prices.value.adult = [2.51, 338, '4.15']; "
        'wanted cents as a whole number, or an amount as text such as "2.51"; '
        'a float is not what was written: write "2.51" as text',
        'tariff.toml:17: form: products.value.kind = "wallet"; '
        'wanted one of "ticket", "ticket_pack", "pass", "purse", "per_use"',
    ]


def test_a_name_that_names_nothing_gets_the_nearest_one(tmp_path):
    text = SMALL.replace('prices = "value"', 'prices = "valeu"')
    assert faults(written(tmp_path, text)) == [
        'tariff.toml:18: product-price: no price table "valeu"; did you mean value?'
    ]


def test_a_key_written_twice_is_found_with_both_lines(tmp_path):
    text = SMALL.replace('by = "count"\n', 'by = "count"\nadult = [1, 2, 3]\n')
    assert faults(written(tmp_path, text)) == [
        "tariff.toml:14: duplicate-key: prices.value.adult is written here and in line 13; "
        "wanted once; delete the one that is wrong"
    ]


def test_an_included_file_adds_tables_and_no_key_stands_in_two(tmp_path):
    head, products = SMALL.split("[products.value]")
    written(tmp_path, "[products.value]" + products, "products.toml")
    path = written(tmp_path, 'include = ["products.toml"]\n' + head)
    source = read_source(path)
    assert str(source.place("products", "value", "number")) == "products.toml:2"
    written(tmp_path, 'currency = "SEK"\n[products.value]' + products, "products.toml")
    assert faults(path) == [
        "products.toml:1: duplicate-key: currency is written here and in tariff.toml:3; "
        "wanted in one of the files; delete the one that is wrong"
    ]


@pytest.mark.parametrize(
    ("include", "said"),
    [
        ("absent.toml", "is not there"),
        ("tariff.toml", "includes itself in the end"),
        ("../outside.toml", "lies outside the tariff's folder"),
    ],
)
def test_an_include_stays_beside_the_tariff(tmp_path, include, said):
    assert said in faults(written(tmp_path, f'include = ["{include}"]\n' + SMALL))[0]


@pytest.mark.parametrize(
    ("broken", "line"),
    [('authority = "', 1), ("[zones\n", 1), ("a = 1\nb = [1,\n\n", 3), ("\xff", 1)],
)
def test_what_is_no_toml_is_one_finding_with_its_line(tmp_path, broken, line):
    path = tmp_path / "tariff.toml"
    path.write_bytes(broken.encode("latin-1"))
    found = faults(path)
    assert len(found) == 1 and found[0].startswith("tariff.toml:"), found
    assert ": syntax: " in found[0]


@pytest.mark.parametrize(
    ("exact", "rounding", "expected"),
    [
        ((415 * 50, 100), "half_up", 208),
        ((415 * 50, 100), "floor", 207),
        ((295 * 50, 100), "half_up_to_5", 150),
        ((6660 * 50, 100), "half_up_to_10", 3330),
        ((251 * 125, 100), "up_to_10", 320),
        ((320, 1), "up_to_10", 320),
        ((321, 1), "up_to_5", 325),
    ],
)
def test_a_rounding_is_named_and_exact(exact, rounding, expected):
    assert rounded(*exact, rounding) == expected


def test_amounts_and_days_are_read_as_written():
    assert [cents(value) for value in (251, "2.51", "2.5", "3")] == [251, 251, 250, 300]
    for wrong in (2.51, True, "2.515", "-1", "x", ""):
        with pytest.raises(ValueError):
            cents(wrong)
    assert [weekdays(t) for t in ("all", "Mon", "Mon-Fri", "Sat-Mon", "Tue,Sun")] == [
        127,
        1,
        31,
        97,
        66,
    ]
