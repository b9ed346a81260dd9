"""GTFS fares become a tariff of ours that reads back, and every loss is named by file and line."""

import json

import pytest

from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.gtfs import GtfsError
from backend_sync.tariffs.import_fares import import_fares
from backend_sync.tariffs.losses import CODES, report
from backend_sync.tariffs.main import main
from backend_sync.tariffs.tariff_text import tariff_text
from tests.backend_sync.feed_files import archive, folder

AREAS = "area_id,area_name\nA,Quay side\nB,Town\nC,Hills\n"
STOP_AREAS = "area_id,stop_id\nA,a\nB,b\nC,c\n"
PRODUCTS = (
    "fare_product_id,fare_product_name,amount,currency\none,One zone,2.00,EUR\n"
    "two,Two zones,3.00,EUR\nfar,Far,4.50,EUR\n"
)
LEGS = (
    "leg_group_id,from_area_id,to_area_id,fare_product_id\n"
    "a,A,A,one\nb,B,B,one\nc,C,C,one\na,A,B,two\nb,B,A,two\nb,B,C,two\nc,C,B,two\n"
    "a,A,C,far\nc,C,A,far\n"
)
V2 = {
    "areas": AREAS,
    "stop_areas": STOP_AREAS,
    "fare_products": PRODUCTS,
    "fare_leg_rules": LEGS,
}
V1 = {
    "fare_attributes": "fare_id,price,currency_type,payment_method,transfers,transfer_duration\n"
    "near,2.00,EUR,1,2,5400\nwide,3.50,EUR,1,2,5400\n",
    "fare_rules": "fare_id,origin_id,destination_id,contains_id\n"
    "near,A,A,\nnear,B,B,\nnear,C,C,\nwide,A,B,\nwide,B,C,\n"
    "wide,,,A\nwide,,,B\nwide,,,C\n",
}


def book(tmp_path, **changes):
    """Return the Book read back from the TOML of a drafted tariff, and the draft."""
    draft = import_fares(folder(tmp_path / "feed", **changes))
    path = tmp_path / "tariff.toml"
    path.write_text(tariff_text(draft, 9), "utf-8")
    return read_tariff(path).book, draft


def prices(read, table: int = 0) -> dict[str, int]:
    """Return {zones: price of the first group}."""
    first = read.groups[0].number
    return {
        "".join(z for i, z in enumerate(read.zones) if mask >> (14 - i) & 1): row[first]
        for mask, row in read.tables[table].prices.items()
        if first in row
    }


def codes(draft) -> dict[str, str]:
    """Return {code: places} of the losses."""
    found: dict[str, str] = {}
    for loss in draft.losses:
        found[loss.code] = f"{found.get(loss.code, '')} {loss.place}".strip()
    return found


# --- version 2 ---


def test_pairs_of_areas_become_sets_of_zones(tmp_path):
    read, draft = book(tmp_path, **V2)
    assert prices(read) == {
        "A": 200, "B": 200, "C": 200, "AB": 300, "BC": 300, "AC": 450, "ABC": 450,
    }  # fmt: skip
    assert (read.currency, read.timezone, read.zones) == ("EUR", "Europe/Helsinki", ("A", "B", "C"))
    assert [p.name for p in read.products] == ["One zone"]
    assert codes(draft) == {"L1": "fare_leg_rules.txt:2"}


def test_a_missing_pair_and_one_dearer_on_the_way_back_are_named(tmp_path):
    legs = LEGS.replace("c,C,C,one\n", "").replace("b,B,A,two", "b,B,A,far")
    read, draft = book(tmp_path, **{**V2, "fare_leg_rules": legs})
    assert prices(read)["AB"] == 300 and "C" not in prices(read)
    found = codes(draft)
    assert found["L6"] == "fare_leg_rules.txt:1" and found["L13"] == "fare_leg_rules.txt:5"


def test_an_empty_area_means_not_listed_elsewhere_unless_there_is_a_priority(tmp_path):
    rest = "leg_group_id,from_area_id,to_area_id,fare_product_id\na,A,A,one\nz,,,far\n"
    read, _ = book(tmp_path / "absent", **{**V2, "fare_leg_rules": rest})
    assert prices(read) == {"A": 200, "B": 450, "BC": 450, "C": 450, "ABC": 450}
    ranked = "from_area_id,to_area_id,fare_product_id,rule_priority\nA,A,one,2\n,B,two,1\n,,far,\n"
    read, draft = book(tmp_path / "present", **{**V2, "fare_leg_rules": ranked})
    assert prices(read) == {
        "A": 200, "AB": 300, "B": 300, "BC": 300, "AC": 450, "C": 450, "ABC": 450,
    }  # fmt: skip
    assert "L13" in codes(draft)


def test_products_for_one_ride_are_products_of_ours(tmp_path):
    more = PRODUCTS + "day,Day ticket,6.00,EUR\n"
    legs = LEGS + "".join(f"{a.lower()},{a},{b},day\n" for a in "ABC" for b in "ABC")
    read, _ = book(tmp_path, **{**V2, "fare_products": more, "fare_leg_rules": legs})
    assert len(read.products) == 2
    assert sorted(set(prices(read, 0).values()) | set(prices(read, 1).values())) == [
        200, 300, 450, 600,
    ]  # fmt: skip


def test_riders_become_groups_and_media_become_products(tmp_path):
    riders = (
        "rider_category_id,rider_category_name,is_default_fare_category,eligibility_url\n"
        "kid,Child,,\nall,Everyone,1,https://example.org/who\n"
    )
    products = (
        "fare_product_id,amount,currency,rider_category_id,fare_media_id\n"
        "one,2.00,EUR,all,card\none,1.00,EUR,kid,card\none,2.50,EUR,all,cash\n"
    )
    read, draft = book(
        tmp_path,
        **{
            **V2,
            "fare_products": products,
            "rider_categories": riders,
            "fare_media": "fare_media_id,fare_media_type\ncard,2\ncash,0\n",
            "fare_leg_rules": "fare_product_id\none\n",
        },
    )
    assert read.zones == ("all",)
    assert [(g.name, g.concession) for g in read.groups] == [("kid", 1), ("adult", 0)]
    assert [p.kind for p in read.products] == [2, 1]
    assert [list(t.prices.values()) for t in read.tables] == [[{1: 200, 0: 100}], [{1: 250}]]
    assert set(codes(draft)) == {"L1", "L9", "L12", "L15", "L16"}


def test_whole_day_timeframes_are_the_validity_and_others_windows(tmp_path):
    frames = (
        "timeframe_group_id,start_time,end_time,service_id\nyear,,,daily\n"
        "off,09:00:00,13:00:00,daily\noff,12:00:00,14:00:00,daily\n"
    )
    legs = (
        "from_timeframe_group_id,to_timeframe_group_id,fare_product_id\n"
        "year,,two\noff,,one\noff,year,far\n"
    )
    read, draft = book(tmp_path, **{**V2, "timeframes": frames, "fare_leg_rules": legs})
    assert [list(table.prices.values()) for table in read.tables] == [[{0: 300}], [{0: 200}]]
    two, off = read.products
    assert two.window is None and off.window is not None
    window = read.windows[off.window]
    assert window.civil and read.calendars[window.calendar].services == ("daily",)
    assert (window.from_minute, window.to_minute, window.or_window is None) == (540, 780, False)
    assert (read.valid_to - read.valid_from) == 6
    assert codes(draft)["L10"] == "timeframes.txt:4 fare_leg_rules.txt:4"


def test_a_timeframe_of_higher_priority_replaces_the_price(tmp_path):
    frames = "timeframe_group_id,start_time,end_time,service_id\noff,09:00:00,13:00:00,daily\n"
    legs = "from_timeframe_group_id,fare_product_id,rule_priority\n,two,\noff,far,1\n"
    read, _ = book(tmp_path, **{**V2, "timeframes": frames, "fare_leg_rules": legs})
    (table,) = read.tables
    assert list(table.prices.values()) == [{0: 300}]
    assert [list(when.prices.values()) for when in table.when] == [[{0: 450}]]


def test_free_transfers_become_minutes_by_start_zone(tmp_path):
    transfers = (
        "from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,"
        "fare_transfer_type,fare_product_id\n"
        "a,a,2,5400,1,0,\nb,c,,7200,0,0,\nc,c,-1,,,0,one\n"
    )
    read, draft = book(tmp_path, **{**V2, "fare_transfer_rules": transfers})
    (transfer,) = read.transfers
    assert transfer.by_zone == (90, 120, 1440) and transfer.upgrade
    found = codes(draft)
    assert found["L2"] == "fare_transfer_rules.txt:4"
    assert found["L4"] == "fare_transfer_rules.txt:3 fare_transfer_rules.txt:4"


@pytest.mark.parametrize(
    ("changes", "code", "place"),
    [
        ({"fare_products": PRODUCTS + "x,,-1.00,EUR\n"}, "L3", "fare_products.txt:5"),
        ({"fare_products": PRODUCTS + "x,,1.00,EUR\n"}, "L5", "fare_products.txt:5"),
        ({"fare_products": PRODUCTS + "x,,1.00,SEK\n"}, "L8", "fare_products.txt:5"),
        (
            {"fare_leg_rules": LEGS.replace("leg_group_id", "network_id").replace("c,", "N,")},
            "L7",
            "fare_leg_rules.txt:2",
        ),
        (
            {"fare_leg_join_rules": "from_network_id,to_network_id\nN,N\n"},
            "L17",
            "fare_leg_join_rules.txt:2",
        ),
        (V1, "L18", "fare_attributes.txt:2"),
        ({"stop_areas": "area_id,stop_id\nA,a\nB,b\n"}, "N2", "stop_areas.txt:1"),
        ({"fare_products": PRODUCTS.replace("2.00", "0.00")}, "N1", "fare_products.txt:2"),
    ],
)
def test_what_is_lost_is_named(tmp_path, changes, code, place):
    _read, draft = book(tmp_path, **{**V2, **changes})
    assert codes(draft)[code].startswith(place)


def test_a_network_can_be_chosen(tmp_path):
    legs = "network_id,fare_product_id\nN,one\nM,two\nN,far\n"
    routes = "route_id,route_short_name,network_id\nr,1,N\nq,2,M\n"
    feed = folder(tmp_path, **{**V2, "fare_leg_rules": legs, "routes": routes})
    assert import_fares(feed, "M").families[0].cells == {frozenset("*"): {"adult": 300}}
    assert [loss.code for loss in import_fares(feed).losses].count("L14") == 1
    with pytest.raises(GtfsError, match="no rule of network 'X'; wanted one of M, N"):
        import_fares(feed, "X")


# --- version 1 ---


def test_fares_of_version_1_become_sets_and_minutes(tmp_path):
    read, draft = book(tmp_path, **V1)
    assert prices(read) == {"A": 200, "B": 200, "C": 200, "AB": 350, "BC": 350, "ABC": 350}
    (transfer,) = read.transfers
    assert (transfer.by_zone, transfer.legs) == ((90, 90, 90), 2)
    assert [p.kind for p in read.products] == [2]
    assert codes(draft) == {"L6": "fare_attributes.txt:2"}  # A -> C


def test_a_fare_without_rules_is_for_every_ride(tmp_path):
    fares = "fare_id,price,currency_type,payment_method,transfers\nflat,2,EUR,0,0\n"
    read, _ = book(tmp_path, fare_attributes=fares)
    assert prices(read) == {"all": 200} or list(prices(read).values()) == [200]
    assert (read.products[0].kind, read.transfers) == (1, ())


def test_other_agencies_currencies_and_routes_of_version_1_are_named(tmp_path):
    fares = (
        "fare_id,price,currency_type,payment_method,transfers,agency_id\n"
        "a,2,EUR,0,,1\nb,3,EUR,0,,2\nc,4,SEK,0,,1\nd,-1,EUR,0,,1\n"
    )
    agency = "agency_id,agency_name,agency_timezone\n1,X,Europe/Paris\n2,Y,Europe/Paris\n"
    _read, draft = book(
        tmp_path, agency=agency, fare_attributes=fares, fare_rules="fare_id,route_id\na,r\n"
    )
    assert codes(draft) == {
        "L3": "fare_attributes.txt:5", "L4": "fare_attributes.txt:2", "L8": "fare_attributes.txt:4",
        "L14": "fare_attributes.txt:3 fare_rules.txt:2",
    }  # fmt: skip


# --- what cannot be carried at all ---


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "feed: no fares; wanted fare_products.txt"),
        ({**V2, "fare_products": PRODUCTS.replace("2.00", "two")}, "fare_products.txt:2: amount"),
        ({**V2, "fare_products": PRODUCTS.replace("2.00", "2.005")}, "EUR with 2 decimals"),
        ({**V2, "fare_products": PRODUCTS.replace("2.00", "99999999")}, "wanted at most 16777215"),
        ({**V2, "fare_products": PRODUCTS.replace("EUR", "euro")}, "three capitals of ISO 4217"),
        ({**V2, "fare_products": PRODUCTS + "one,,9,EUR\n"}, "fare_products.txt:5: .* in line 2"),
        ({**V2, "fare_leg_rules": LEGS + "a,A,Z,one\n"}, "fare_leg_rules.txt:11: to_area_id 'Z'"),
        ({**V2, "fare_leg_rules": LEGS + "a,A,A,nine\n"}, "fare_product_id 'nine' is defined"),
        ({**V2, "fare_media": "fare_media_id,fare_media_type\nm,7\n"}, "fare_media_type '7'"),
        (
            {**V2, "rider_categories": "rider_category_id,is_default_fare_category\na,1\nb,1\n"},
            "rider_categories.txt:3: a second default, 'b' beside 'a'",
        ),
        (
            {**V2, "timeframes": "timeframe_group_id,service_id,start_time\nt,daily,25:00:00\n"},
            "timeframes.txt:2: start_time '25:00:00'",
        ),
        ({**V1, "fare_rules": "fare_id,origin_id\nnear,Z\n"}, "fare_rules.txt:2: zone 'Z' is of"),
        ({**V1, "fare_rules": "fare_id\nnone\n"}, "fare_rules.txt:2: fare_id 'none'"),
        (
            {"fare_attributes": "fare_id,price,currency_type\nx,-1,EUR\n"},
            "no fare is left to carry",
        ),
    ],
)
def test_fares_that_cannot_be_read_say_where(tmp_path, changes, message):
    with pytest.raises(GtfsError, match=message):
        import_fares(folder(tmp_path / "feed", **changes))


def test_more_than_twelve_areas_are_refused(tmp_path):
    areas = "area_id\n" + "".join(f"Z{i}\n" for i in range(13))
    legs = "from_area_id,to_area_id,fare_product_id\n" + "".join(
        f"Z{i},Z{i},one\n" for i in range(13)
    )
    with pytest.raises(GtfsError, match="fares between 13 areas; wanted at most 12"):
        import_fares(
            folder(tmp_path, **{**V2, "areas": areas, "stop_areas": None, "fare_leg_rules": legs})
        )


def test_more_work_than_an_authority_gives_is_refused(tmp_path):
    def refused(message, **changes):
        with pytest.raises(GtfsError, match=message):
            import_fares(folder(tmp_path, **{**V2, **changes}))

    many = [f"p{i}" for i in range(255)]
    products = "fare_product_id,amount,currency\n" + "".join(f"{p},1,EUR\n" for p in many)
    legs = "fare_product_id\n" + "\n".join(many)
    refused("more than 254 fares for one ride", fare_products=products, fare_leg_rules=legs)
    refused(
        "fare_products.txt:50002: more than 50,000 rows",
        fare_products=PRODUCTS + "".join(f"x{i},,1,EUR\n" for i in range(50_000)),
    )
    frames = "".join(f"g{i},daily,0{i % 9}:00:00,12:00:00\n" for i in range(2000))
    legs = "".join(f"A,B,g{i},one\n" for i in range(2000))
    refused(
        "2,000 rules in 2,000 timeframes between 2 areas; wanted at most 10,000,000",
        timeframes="timeframe_group_id,service_id,start_time,end_time\n" + frames,
        fare_leg_rules="from_area_id,to_area_id,from_timeframe_group_id,fare_product_id\n" + legs,
    )


# --- names that TOML or our sets would read otherwise ---


def test_odd_names_are_carried_as_text(tmp_path):
    odd = ['A+B "x"', "C-D", "*", "Ü\u00a0\\", "[b]"]
    quoted = [f'"{name.replace(chr(34), chr(34) * 2)}"' for name in odd]
    areas = "area_id,area_name\n" + "".join(f'{q},"x\ny"\n' for q in quoted)
    legs = "from_area_id,to_area_id,fare_product_id\n" + "".join(
        f"{q},{q},one\n" for q in quoted
    ) + f"{quoted[0]},{quoted[1]},two\n"  # fmt: skip
    stops = "area_id,stop_id\n" + f"{quoted[0]},a\n{quoted[1]},b\n{quoted[2]},c\n"
    read, _ = book(
        tmp_path,
        areas=areas,
        stop_areas=stops,
        fare_products=PRODUCTS.replace("One zone", '"One ""zone"""'),
        fare_leg_rules=legs,
    )
    assert len(read.zones) == 5 and len(set(read.zones)) == 5
    assert read.products[0].name == 'One "zone"'


# --- real feeds ---


@pytest.mark.requirement("D31")
def test_zakroczym_names_what_it_lacks(real_data, tmp_path):
    draft = import_fares(real_data / "zakroczym" / "gtfs.zip")
    said = report(draft.losses)
    assert codes(draft)["L5"] == "fare_products.txt:8 fare_products.txt:9"
    assert "monthly_normal" in said and "monthly_discount" in said
    assert "none for the default 0" in said and codes(draft)["L11"] == "fare_products.txt:9"
    for zone in "123":
        assert (
            f"single_ride_zone{zone}_normal costs nothing for rider 0 from {zone} -> {zone}" in said
        )
    path = tmp_path / "tariff.toml"
    path.write_text(tariff_text(draft, 1), "utf-8")
    assert prices(read_tariff(path).book) == {
        "1": 0, "2": 0, "3": 0, "12": 400, "23": 400, "13": 500, "123": 500,
    }  # fmt: skip


@pytest.mark.requirement("D31")
def test_transcollines_names_what_it_lacks(real_data, tmp_path):
    draft = import_fares(real_data / "transcollines" / "transcollines-qc-ca-fares.zip")
    said = report(draft.losses)
    assert "L6: no rule prices GAT -> GAT" in said
    assert "fare_products.txt:4: L5: PS-0" in said
    assert "L1: rule_priority is there and empty" in said
    path = tmp_path / "tariff.toml"
    path.write_text(tariff_text(draft, 1), "utf-8")
    read = read_tariff(path).book
    assert (read.currency, read.zones, len(read.tables)) == ("CAD", ("GAT", "COL", "PNT"), 1)


# --- the command ---


def test_the_command_writes_toml_and_prints_losses(tmp_path, capsys):
    headways = "trip_id,start_time,end_time,headway_secs\nt,06:00:00,09:00:00,600\n"
    feed = archive(tmp_path / "feed.zip", frequencies=headways, **V2)
    out = tmp_path / "tariff.toml"
    arguments = ["import", str(feed), "-o", str(out), "--json"]
    assert main(arguments) == 0
    (loss,) = json.loads(capsys.readouterr().out)["losses"]
    assert (loss["code"], loss["about"]) == ("L1", CODES["L1"])
    arguments = ["import", str(feed)]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert printed.out == out.read_text() and "1 loss\n" in printed.err
    assert "feed: frequencies.txt:2: trip 't' repeats by headway" in printed.err
    arguments = ["import", str(tmp_path / "absent.zip")]
    assert main(arguments) == 1
    assert "no such file" in capsys.readouterr().err
