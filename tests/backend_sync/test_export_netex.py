"""A tariff as our NeTEx subset: well-formed, in schema order, every reference to something."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.export_netex import export_netex, netex_losses
from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.main import main
from backend_sync.tariffs.price_list import price_list
from backend_sync.tariffs.zoned import dated_feed
from tests.backend_sync.feed_files import folder
from tests.backend_sync.test_export_fares import CITIES, SHIPPED, SMALL

N = "{http://www.netex.org.uk/netex}"

# Children in the order of the NeTEx-CEN schema (FareInFrameGroup, FareTableGroup, ...). The four
# cities' files were checked against the schema itself by hand: libxml2, NeTEx_publication.xsd.
ORDER = {
    "PublicationDelivery": ["PublicationTimestamp", "ParticipantRef", "Description", "dataObjects"],
    "CompositeFrame": ["validityConditions", "frames"],
    "frames": ["ResourceFrame", "ServiceFrame", "FareFrame"],
    "ServiceFrame": ["scheduledStopPoints", "tariffZones"],
    "FareFrame": [
        "FrameDefaults", "tariffs", "usageParameters", "fareProducts", "fareTables",
        "salesOfferPackages",
    ],
    "Tariff": ["Name", "OperatorRef", "fareStructureElements", "distanceMatrixElements"],
    "DistanceMatrixElement": ["StartTariffZoneRef", "EndTariffZoneRef"],
    "PreassignedFareProduct": ["Name", "OperatorRef", "validableElements", "ProductType"],
    "FareTable": ["Name", "pricesFor", "usedIn", "limitations", "cells"],
    "DistanceMatrixElementPrice": ["Amount", "DistanceMatrixElementRef"],
}  # fmt: skip


def written(tariff: Path, feed_path: Path, out: Path):
    authored = read_tariff(tariff)
    feed = dated_feed(authored.source, read_feed(feed_path))
    rows = export_netex(authored, feed, out)
    return authored, feed, ET.parse(out / "fares.xml").getroot(), rows


@pytest.mark.requirement("D31")
@pytest.mark.parametrize("city", CITIES)
def test_every_reference_is_to_one_thing_and_order_is_the_schemas(city, tmp_path):
    place = SHIPPED / city
    _, _, root, rows = written(place / "tariff.toml", place / "gtfs", tmp_path)
    ids = [(e.tag, e.get("id")) for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    named = {(tag, name) for tag, name in ids}
    for element in root.iter():
        if element.get("ref"):
            kind = element.get("ref").split(":")[1]
            assert (f"{N}{kind}", element.get("ref")) in named
    for tag, order in ORDER.items():
        for element in root.iter(f"{N}{tag}"):
            assert [child.tag.removeprefix(N) for child in element] == order
    assert rows["fares.xml"] == sum(1 for _ in root.iter(f"{N}Amount")) > 0


@pytest.mark.parametrize("city", CITIES)
def test_prices_are_those_outside_every_window(city, tmp_path):
    place = SHIPPED / city
    authored, feed, root, _ = written(place / "tariff.toml", place / "gtfs", tmp_path)
    amounts = {
        price.get("id").partition(":DistanceMatrixElementPrice:")[2]: price[0].text
        for price in root.iter(f"{N}DistanceMatrixElementPrice")
    }
    names = {group.number: group.name for group in authored.book.groups}
    for one in price_list(authored, feed):
        plain = min(offer.state for offer in one.offers)
        for offer in one.offers:
            pair = "+".join(authored.book.zones[z - 1] for z in (offer.start, offer.end))
            for group, cents in offer.cents.items():
                if offer.state == plain:
                    said = amounts[f"{one.key}.{names[group]}.{pair.replace('*', '%2A')}"]
                    assert said == f"{cents // 100}.{cents % 100:02}"


def test_ages_are_said_and_odd_names_are_well_formed(tmp_path):
    text = SMALL.replace("authority = 7", 'authority = 7\nname = "A & <B> \\u0007"')
    (tmp_path / "tariff.toml").write_text(text)
    feed = folder(
        tmp_path / "feed",
        stops='stop_id,stop_name,zone_id\n"a <1>",Q & A,A\nb,,B\nc,C,C\n',
        stop_times="trip_id,stop_id,stop_sequence,departure_time\n"
        "t,a <1>,1,08:00:00\nt,b,2,08:05:00\n",
    )
    _, _, root, _ = written(tmp_path / "tariff.toml", feed, tmp_path / "out")
    child = next(root.iter(f"{N}UserProfile"))
    assert [e.text for e in child] == ["child", "7", "16"]
    assert next(root.iter(f"{N}Tariff"))[0].text == "A & <B>  "
    assert "a%20%3C1%3E" in next(root.iter(f"{N}ScheduledStopPoint")).get("id")


def test_the_subset_names_its_own_losses(tmp_path, capsys):
    place = SHIPPED / "mikkeli"
    authored, feed, _, _ = written(place / "tariff.toml", place / "gtfs", tmp_path / "one")
    codes = {loss.code for loss in netex_losses(authored, feed)}
    assert {"E19", "E20"} <= codes and "E5" not in codes
    line = ["export", "netex-subset", str(place / "tariff.toml"), "--gtfs", str(place / "gtfs")]
    arguments = [*line, "-o", str(tmp_path / "two")]
    assert main(arguments) == 0
    assert "fares.xml: 1," in capsys.readouterr().out
    assert (tmp_path / "one" / "fares.xml").read_bytes() == (
        tmp_path / "two" / "fares.xml"
    ).read_bytes()
