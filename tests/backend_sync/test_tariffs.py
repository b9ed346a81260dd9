"""The tariff compiler over the shipped town and over Kuopio."""

from pathlib import Path

import pytest

from backend_sync.tariffs.compile import TariffError, compile_tariff, load_toml, zone_order
from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.main import main
from card_layouts.errors import LayoutError, RangeError
from card_layouts.fares.tariff import Tariff

TOWN = Path(__file__).parents[2] / "simulator" / "example_town"
KUOPIO = Path(__file__).parents[3] / "shared" / "data" / "kuopio" / "gtfs_kuopio_finland.zip"


def reader(body: bytes):
    return lambda offset, size: body[offset : offset + size]


def town() -> Tariff:
    feed = read_feed(TOWN / "gtfs")
    return Tariff(reader(compile_tariff(load_toml(TOWN / "tariff_town.toml"), feed, 1)))


@pytest.mark.requirement("W-29", "W-30", "W-33")
def test_the_shipped_town_prices_every_run_of_its_zones():
    tariff = town()
    assert tariff.zone_count == 4
    assert [tariff.price(1, high, 0) for high in (1, 2, 3, 4)] == [240, 320, 410, 520]
    assert tariff.price(3, 4, 1) == 160
    with pytest.raises(RangeError, match="zones 3..5"):
        tariff.price(3, 5, 0)


@pytest.mark.requirement("W-38")
def test_transfer_time_follows_the_start_zone():
    tariff = town()
    assert [tariff.transfer_minutes(zone) for zone in (1, 2, 3, 4)] == [60, 90, 90, 90]


@pytest.mark.requirement("D2")
def test_the_service_day_is_the_wall_clock_minus_the_shift():
    tariff = town()
    # 2026-07-01 03:59 and 04:00 in Helsinki (UTC+3) = 00:59 and 01:00 UTC.
    day = (2026 - 2020) * 365 + 2 + 181
    assert tariff.service_day(day * 86400 + 59 * 60) == day - 1
    assert tariff.service_day(day * 86400 + 60 * 60) == day
    # 2026-01-15 in winter time (UTC+2).
    day = (2026 - 2020) * 365 + 2 + 14
    assert tariff.service_day(day * 86400 + 2 * 3600 - 1) == day - 1
    assert tariff.service_day(day * 86400 + 2 * 3600) == day


@pytest.mark.requirement("W-36", "D31")
def test_kuopio_compiles_with_its_four_zones():
    if not KUOPIO.exists():
        pytest.skip("../shared/data is absent")
    feed = read_feed(KUOPIO)
    assert (len(feed.stops), len(feed.lines), feed.zones()) == (1355, 46, ["A", "B", "C", "D"])
    body = compile_tariff(load_toml(TOWN / "tariff_town.toml"), feed, 7)
    tariff = Tariff(reader(body))
    assert len(body) < 128 * 1024
    assert [tariff.zone_of(i) for i in range(1355)].count(1) == 506


@pytest.mark.parametrize("cut", [0, 3, 31, 40, 100, 200])
def test_a_truncated_package_is_a_layout_error(cut):
    feed = read_feed(TOWN / "gtfs")
    body = compile_tariff(load_toml(TOWN / "tariff_town.toml"), feed, 1)[:cut]
    with pytest.raises(LayoutError):
        Tariff(reader(body)).zone_of(30)


def test_a_newer_semantics_is_refused():
    feed = read_feed(TOWN / "gtfs")
    body = bytearray(compile_tariff(load_toml(TOWN / "tariff_town.toml"), feed, 1))
    body[5] += 1
    with pytest.raises(LayoutError, match="semantics"):
        Tariff(reader(bytes(body)))


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("currency",), None, "currency: missing"),
        (("prices", "value", "child"), [1], "prices.value.child"),
        (("zones",), {"order": ["A", "B"]}, "lacks zones of the feed: C, D"),
        (("service_day",), "25:00", "service_day"),
        (("valid_from",), "today", "wanted a date"),
        (("timezone",), "Mars/Base", "time-zone database"),
        (("prices", "value", "adult"), [70000] * 4, "wanted 0..2047"),
    ],
)
def test_a_bad_tariff_names_the_key(keys, value, message):
    source = load_toml(TOWN / "tariff_town.toml")
    at = source
    for key in keys[:-1]:
        at = at[key]
    if value is None:
        del at[keys[-1]]
    else:
        at[keys[-1]] = value
    with pytest.raises(TariffError, match=message):
        compile_tariff(source, read_feed(TOWN / "gtfs"), 1)


def test_a_flat_tariff_is_one_zone():
    feed = read_feed(TOWN / "gtfs")
    source = load_toml(TOWN / "tariff_ferry.toml")
    tariff = Tariff(reader(compile_tariff(source, feed, 1)))
    assert zone_order(source, feed) == ["*"]
    assert tariff.zone_of(0) == 1 and tariff.price(1, 1, 1) == 150


def test_the_command_writes_a_body_and_says_what_is_wrong_in_one_sentence(tmp_path, capsys):
    out = tmp_path / "town.tariff"
    arguments = ["compile", str(TOWN / "tariff_town.toml"), "--gtfs", str(TOWN / "gtfs")]
    assert main([*arguments, "--out", str(out)]) == 0
    assert str(len(out.read_bytes())) in capsys.readouterr().out.replace(",", "")
    arguments[1] = str(tmp_path / "absent.toml")
    assert main([*arguments, "--out", str(out)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
