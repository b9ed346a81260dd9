"""`tariff explain` and `whatif`: the engine's decisions in words, rule by rule."""

import json
import re
from pathlib import Path

import pytest

from backend_sync.tariffs.main import main
from backend_sync.tariffs.self_test import SHIPPED
from card_layouts.cards.card_layout import FILE_G, FILE_S, FILE_T, FILE_V, S, T
from card_layouts.fares import inputs as i

MIKKELI = SHIPPED / "mikkeli" / "tariff.toml"
TARIFFS = sorted(SHIPPED.glob("*/tariff.toml"))
EXAMPLE_TOWN = Path(__file__).parents[2] / "simulator" / "example_town" / "gtfs"


def explain(capsys, *arguments: object) -> list[str]:
    assert main(["explain", *(str(argument) for argument in arguments)]) == 0
    return [re.sub(" +", " ", line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.requirement("W-34", "W-36", "W-38", "W-64", "W-68")
def test_a_charge_names_place_clock_rider_offers_price_and_line(capsys):
    card = ("--slot", "season30 A start=2025-03-01")
    at = ("--at", "2025-03-04 07:12", "--stop", "B1", "--to", "C")
    assert explain(capsys, MIKKELI, "10", *at, *card) == [
        "decision: charge 3.38 EUR from value for B-C (rule 16, charge)",
        "place: B1 Birch Hill, zone B; trip 10-daily-0-0700 of line 10, call 3 of 13,"
        " zones ahead B-G",
        "clock: Tue 2025-03-04 07:12, service day 2025-03-04; holds: school (every day,"
        " 07:00 to 17:00, on school-urheilupuisto)",
        "rider: group adult",
        "purse: value: used",
        "slot 1: season30: zone",
        "price: prices.value adult B-C = 3.38 (tariff.toml:25)",
        "revenue: to the operator of its first boarding; this leg is of County Lines",
        "then: the journey is open in B-C until 09:12",
    ]


@pytest.mark.requirement("W-39", "R-21")
def test_a_night_fee_and_a_concession_are_told_apart(capsys):
    lines = explain(capsys, MIKKELI, "30", "--group", "student")
    assert lines[-5:] == [
        "price: prices.value student A = 1.75 (tariff.toml:29)",
        "price: surcharges.night = 1.00 is in it",
        "pays: full price 3.51, concession 3: city owes 0.76",
        "revenue: to the operator of its first boarding; this leg is of County Lines",
        "then: the journey is open in A until 01:00",
    ]


@pytest.mark.requirement("W-75")
def test_a_capped_charge_shows_the_window_s_row_and_what_is_left(capsys):
    card = ("--group", "youth", "--slot", "tupla T start=2025-03-01 cents=100")
    turku = SHIPPED / "turku" / "tariff.toml"
    lines = explain(capsys, turku, "1", "--at", "2025-03-04 09:04", *card)
    assert "decision: charge 1.00 EUR from tupla for T (rule 84, capped charge)" in lines
    assert "price: prices.value youth T in offpeak = 1.45 (tariff.toml:29)" in lines
    assert "then: slot 1, 0.00 left to the cap" in lines


@pytest.mark.requirement("W-79", "W-87")
@pytest.mark.parametrize(
    ("at", "used", "why"),
    [
        ("2025-03-04 07:45", "pass 0.00 EUR from school", "school: used"),
        ("2025-03-04 18:00", "charge 1.26 EUR from value", "school: window"),
        ("2025-03-08 07:45", "charge 1.26 EUR from value", "school: calendar"),
    ],
)
def test_a_school_season_outside_its_window_says_so(capsys, at, used, why):
    card = ("--group", "child", "--slot", "school * start=2025-01-07")
    lines = explain(capsys, MIKKELI, "1", "--stop", "A1", "--at", at, *card)
    assert any(line.startswith(f"decision: {used}") for line in lines), lines
    assert f"slot 1: {why}" in lines


@pytest.mark.requirement("W-6", "W-41")
def test_another_authority_s_line_is_priced_by_its_own_tariff(capsys):
    koivula = SHIPPED / "koivula" / "tariff.toml"
    lines = explain(capsys, koivula, "F")
    assert any("charge 3.00 EUR from value" in line for line in lines), lines


def test_a_refusal_is_an_answer_and_not_an_error(capsys):
    lines = explain(capsys, MIKKELI, "1", "--value", "0.50")
    assert "decision: refused: funds of 2.51 (rule 9)" in lines
    assert "purse: value: funds" in lines


def test_json_has_every_field_of_the_decision(capsys):
    assert main(["explain", str(MIKKELI), "1", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["cents"], said["rule"], said["product"]) == (251, 16, "value")
    assert said["why"]["purse"] == "used" and said["lines"]


@pytest.mark.parametrize("path", TARIFFS, ids=lambda path: path.parent.name)
def test_each_shipped_tariff_explains_its_first_trip(capsys, path):
    trip = (path.parent / "gtfs" / "trips.txt").exists()
    trips = path.parent / "gtfs" if trip else EXAMPLE_TOWN
    first = (trips / "trips.txt").read_text().splitlines()[1].split(",")[2]
    assert any(line.startswith("decision:") for line in explain(capsys, path, first))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["21"], "no trip or line '21'; lines: 1, 10, 2, 20, 30"),
        (["1", "--group", "chidl"], "group: 'chidl', wanted one of child, youth"),
        (["1", "--slot", "seson A"], "slot 1: 'seson', wanted one of single, value"),
        (["1", "--at", "noon"], 'wanted a time such as "2025-03-04 08:15"'),
        (["1", "--value", "1,00"], "amount '1,00': wanted cents"),
        (["1", "--stop", "G2"], "does not call at G2, but at A4"),
        (["1", "--zones", "X"], "zones: 'X' names no zones of A, B"),
        (["1", "--with", "adult=99"], "wanted adult=1,youth=0,child=2"),
        (["1", "--call", "99"], "--call 99: trip has calls 1..5"),
        (["--stop", "A1"], "a tap at a stop without a trip needs --at"),
        (["1", "--all-sequences"], "--all-sequences asks of every trip and takes no trip"),
        (["--all-sequences", "--to", "B"], "and takes no to"),
        ([], "name a TRIP, or a stop with --stop, or --all-sequences"),
    ],
)
def test_a_question_that_does_not_fit_is_one_sentence(capsys, arguments, said):
    assert main(["explain", str(MIKKELI), *arguments]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


@pytest.mark.requirement("W-29")
def test_every_zone_sequence_is_priced_with_its_decision(capsys):
    lines = explain(capsys, MIKKELI, "--all-sequences")
    assert lines[0].startswith("10 zone sequences, 66 trips; what adult pays")
    assert "A-C-D 4 1 A-D 5.24 16 charge B has no stop: priced as passed" in lines
    assert any("comes back: a zone is paid once" in line for line in lines)


@pytest.mark.requirement("O-4", "O-6")
def test_an_access_without_a_pass_says_what_pay_per_use_would_charge(capsys):
    ski = SHIPPED / "ski" / "tariff.toml"
    lines = explain(capsys, ski, "alpe-1-daily-0-0830", "--group", "junior")
    assert lines[0] == "decision: refused: no product (rule 7)"
    (said,) = [line for line in lines if line.startswith("per use:")]
    assert "as a pay-per-use card 22.00 EUR for this access alone" in said
    assert "by the best of 2 hours 22.00, half day 24.00, day 33.00" in said


# --- whatif ---


def recorded(folder: Path, *taps: dict) -> Path:
    path = folder / "taps.jsonl"
    path.write_text("".join(json.dumps(tap) + "\n" for tap in taps))
    return path


def dearer(folder: Path) -> Path:
    text = MIKKELI.read_text().replace("adult = [251, 338", "adult = [280, 330")
    text = text.replace('feed = "gtfs"', f'feed = "{MIKKELI.parent / "gtfs"}"')
    (folder / "tariff.toml").write_text(text)
    return folder / "tariff.toml"


def adult(balance: int, **journey: object) -> dict:
    card = {"group": "adult", "balance": balance, "purse": {"product": "value"}}
    return {**card, "journey": journey} if journey else card


def test_whatif_sums_by_product_and_group_and_names_who_pays_more(capsys, tmp_path):
    first = {"at": "2025-03-04 07:12", "trip": "10-daily-0-0700", "call": 2}
    taps = recorded(
        tmp_path,
        {"id": "c1", "card": adult(2000), "tap": {**first, "picked": "C"}, "charged": 338},
        {"id": "c2", "card": adult(2000), "tap": first, "charged": "2.51"},
        {"id": "c3", "card": {"group": "child", "balance": 200, "purse": {"product": "value"}},
         "tap": first, "charged": 126},
    )  # fmt: skip
    assert main(["whatif", str(dearer(tmp_path)), str(taps)]) == 0
    lines = [re.sub(" +", " ", line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        f"{tmp_path / 'tariff.toml'}: +0.21 EUR a day (+2.9 %): 3 taps of 3 cards on 1 service day;"
        " 1 pays more, 1 less, 1 the same",
        " taps was would be change a day",
        "all taps 3 7.15 7.36 +0.21 +2.9 % +0.21",
        "product value 3 7.15 7.36 +0.21 +2.9 % +0.21",
        "group adult 2 5.89 6.10 +0.21 +3.6 % +0.21",
        "group child 1 1.26 1.26 0.00 +0.0 % 0.00",
        "value for adult 2 5.89 6.10 +0.21 +3.6 % +0.21",
        "value for child 1 1.26 1.26 0.00 +0.0 % 0.00",
        "the biggest changes of 2 cards:",
        "c2 1 2.51 2.80 +0.29 +11.6 % +0.29",
        "c1 1 3.38 3.30 -0.08 -2.4 % -0.08",
        "what is bought before a tap (passes, packs, tickets) is not in it: see `tariff diff`",
    ]


@pytest.mark.requirement("R-27", "X-12")
def test_whatif_says_what_is_a_day_and_what_sponsors_would_owe(capsys, tmp_path):
    trip = {"trip": "10-daily-0-0700", "call": 2}
    senior = {"group": "senior", "concession": 2, "balance": 2000, "purse": {"product": "value"}}
    taps = recorded(
        tmp_path,
        {"id": "s", "card": senior, "tap": {**trip, "at": "2025-03-04 07:12"}},
        {"id": "a", "card": adult(2000), "tap": {**trip, "at": "2025-03-05 07:12"}},
    )
    assert main(["whatif", str(dearer(tmp_path)), str(taps), "--base", str(MIKKELI)]) == 0
    lines = [re.sub(" +", " ", line) for line in capsys.readouterr().out.splitlines()]
    assert ": +0.15 EUR a day (+6.8 %): 2 taps of 2 cards on 2 service days" in lines[0]
    assert "owed by city 1 0.76 1.05 +0.29 +38.2 % +0.15" in lines


def test_whatif_of_the_same_tariff_changes_nothing_along_a_journey(capsys, tmp_path):
    """The journey, its upgrade and the balance go on from tap to tap, as on the card."""
    trip = {"trip": "10-daily-0-0700"}
    begun = {"start_zone": "B", "zones": "B", "start_minute": 2720472, "charged": 251}
    taps = recorded(
        tmp_path,
        {"id": "c", "card": adult(2000), "tap": {**trip, "at": "2025-03-04 07:12", "call": 2}},
        {
            "id": "c",
            "card": adult(1749, **begun),
            "tap": {**trip, "at": "2025-03-04 07:30", "call": 3},
        },
    )
    assert main(["whatif", str(MIKKELI), str(taps), "--base", str(MIKKELI), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["total"][0]["old"] == said["total"][0]["new"] == 251


def test_whatif_carries_the_journey_under_both_tariffs(capsys, tmp_path):
    """A second tap within the hour is a transfer then and now, though no journey was recorded."""
    trip = {"trip": "10-daily-0-0700", "call": 2}
    times = ("2025-03-04 07:12", "2025-03-04 07:40")
    taps = recorded(
        tmp_path, *({"id": "c", "card": adult(2000), "tap": {**trip, "at": at}} for at in times)
    )
    assert main(["whatif", str(MIKKELI), str(taps), "--base", str(MIKKELI), "--json"]) == 0
    (total,) = json.loads(capsys.readouterr().out)["total"]
    assert total["old"] == total["new"] == 251


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "taps.jsonl:1: no JSON"),
        ('{"card": {}}', 'taps.jsonl:1: wanted an object with "card" and "tap"'),
        ('{"card": {"grup": 1}, "tap": {}}', "taps.jsonl:1: card: 'grup' is no part of it"),
        ('{"card": [1], "tap": {}}', f"card: a list of 1, wanted {i.CARD_SIZE} whole numbers"),
        ('{"card": {}, "tap": {"at": 5, "trip": "x"}}', "tap.trip: the feed has no trip 'x'"),
        ('{"card": {}, "tap": {"at": 5, "stop": "A1"}}', 'line 1: no "charged"'),
    ],
)
def test_a_recorded_tap_that_does_not_fit_is_named(capsys, tmp_path, line, said):
    (tmp_path / "taps.jsonl").write_text(line + "\n")
    assert main(["whatif", str(MIKKELI), str(tmp_path / "taps.jsonl")]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("path", TARIFFS, ids=lambda path: path.parent.name)
def test_whatif_and_diff_of_each_shipped_tariff_with_itself_change_nothing(capsys, tmp_path, path):
    assert main(["diff", str(path), str(path)]) == 0
    feed = path.parent / "gtfs"
    feed = feed if feed.exists() else EXAMPLE_TOWN
    stop = (feed / "stops.txt").read_text().splitlines()[1].split(",")[0]
    year = path.read_text().split("valid_to = ")[1][:4]
    card = {"balance": 5000} if path.parent.name == "ski" else adult(5000)
    tap = {"at": f"{year}-03-04 12:00", "stop": stop}
    taps = recorded(tmp_path, {"id": "c", "card": card, "tap": tap})
    capsys.readouterr()
    assert main(["whatif", str(path), str(taps), "--base", str(path), "--json"]) == 0
    (total,) = json.loads(capsys.readouterr().out)["total"]
    assert total["old"] == total["new"] and total["taps"] == 1
    assert total["new"] > 0 or path.parent.name == "ski"


def image(balance: int, **head: int) -> dict:
    """A card image with the four files that a decision reads, in the project's own layouts."""
    fields = {**S.unpack(bytes(44)), "layout": 1, "authority": 31, "group": 2, **head}
    usage = {**T.unpack(bytes(44)), "layout": 1}
    files = {
        str(FILE_V): {"type": "value", "value": balance},
        str(FILE_S): {"type": "backup", "data": bytes(S.pack(fields)).hex()},
        str(FILE_T): {"type": "backup", "data": bytes(T.pack(usage)).hex()},
        str(FILE_G): {"type": "cyclic", "records": []},
    }
    return {"format": "desfire-ev1-image-1", "applications": {"0523f4": {"files": files}}}


def test_a_card_image_is_asked_like_a_card_in_words(capsys, tmp_path):
    path = tmp_path / "card.json"
    path.write_text(json.dumps(image(2000, purse_product=1)))
    told = explain(capsys, MIKKELI, "10", "--value", "20.00", "--stop", "B1", "--to", "C")
    assert explain(capsys, MIKKELI, "10", "--card", path, "--stop", "B1", "--to", "C") == told
    path.write_text(json.dumps(image(100, purse_product=1)))
    lines = explain(capsys, MIKKELI, "10", "--card", path)
    assert "decision: refused: funds of 2.51 (rule 9)" in lines


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tree: tree.pop("applications"), "not a card image"),
        (lambda tree: tree.update(applications={}), "no application of the transit scheme"),
        (lambda tree: tree["applications"]["0523f4"]["files"].pop("4"), "file 4 is missing"),
        (lambda tree: tree["applications"]["0523f4"]["files"]["4"].update(data="00"), "wanted"),
    ],
)
def test_a_card_image_that_does_not_fit_is_one_sentence(capsys, tmp_path, change, said):
    tree = image(2000)
    change(tree)
    (tmp_path / "card.json").write_text(json.dumps(tree))
    assert main(["explain", str(MIKKELI), "10", "--card", str(tmp_path / "card.json")]) == 1
    err = capsys.readouterr().err
    assert "card image: " in err and said in err and err.count("\n") == 1
