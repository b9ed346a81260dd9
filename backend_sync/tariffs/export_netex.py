"""Write a tariff as a subset of NeTEx fares: one XML file, prices from zone to zone.

The subset, in the order of the NeTEx 1.1 schema: ResourceFrame (Operator); ServiceFrame
(ScheduledStopPoint with Location and TariffZoneRef, TariffZone); FareFrame (Tariff with
FareStructureElement and DistanceMatrixElement, UserProfile with ages, PreassignedFareProduct,
FareTable with DistanceMatrixElementPrice, one for each product and rider, SalesOfferPackage).
Not in it: time bands, transfers, caps, validity of products; those are losses.
Source: CEN/TS 16614-3 as published in the NeTEx-CEN schema files (netex_part_3).
"""

import datetime
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from backend_sync.tariffs import model as m
from backend_sync.tariffs.book import Authored
from backend_sync.tariffs.export_fares import amount
from backend_sync.tariffs.export_losses import export_losses
from backend_sync.tariffs.feed import Feed
from backend_sync.tariffs.losses import Loss
from backend_sync.tariffs.price_list import Priced, price_list
from backend_sync.tariffs.timeframes import EPOCH
from backend_sync.tariffs.zoned import zone_names

NAMESPACE = "http://www.netex.org.uk/netex"
FILE = "fares.xml"
VERSION = "1"
PRODUCT_TYPES = {m.KIND_TICKET: "singleTrip", m.KIND_PURSE: "singleTrip", m.KIND_PASS: "periodPass"}
DOCUMENTS = ("smartCard", "smartCard", "paperTicket")  # by Product.media


def export_netex(authored: Authored, feed: Feed, folder: Path) -> dict[str, int]:
    """Write `fares.xml` to `folder`; return its name with how many prices it has.

    `feed` is as the tariff names its zones. Raises: OSError when it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    root = _Writer(authored, feed).document()
    ET.indent(root)
    ET.ElementTree(root).write(folder / FILE, encoding="utf-8", xml_declaration=True)
    return {FILE: sum(1 for _ in root.iter("DistanceMatrixElementPrice"))}


def netex_losses(authored: Authored, feed: Feed) -> list[Loss]:
    """Return what the subset cannot say: ages it can, unlike GTFS; times and transfers not."""
    losses = [loss for loss in export_losses(authored, feed) if loss.code not in ("E5", "E11")]
    place = authored.source.place
    if authored.book.windows:
        said = "prices that change in a window"
        losses.append(Loss("E19", str(place("windows")), said, "those outside every window"))
    if authored.book.transfers:
        losses.append(Loss("E20", str(place("transfer")), "minutes to change in", "left out"))
    return losses


class _Writer:
    def __init__(self, authored: Authored, feed: Feed) -> None:
        self.authored, self.book, self.feed = authored, authored.book, feed
        self.priced = [_plain(one) for one in price_list(authored, feed)]
        self.from_date = EPOCH + datetime.timedelta(self.book.valid_from)
        self.to_date = EPOCH + datetime.timedelta(self.book.valid_to)

    # --- parts of the document, in the order of the schema ---

    def document(self) -> ET.Element:
        root = ET.Element("PublicationDelivery", {"version": "1.1", "xmlns": NAMESPACE})
        # No clock: the same tariff gives the same bytes.
        _text(root, "PublicationTimestamp", f"{self.from_date}T00:00:00Z")
        _text(root, "ParticipantRef", "Tornello")
        _text(root, "Description", f"Fares of {self.book.name}")
        composite = self._entity(_child(root, "dataObjects"), "CompositeFrame", "all")
        between = _child(_child(composite, "validityConditions"), "ValidBetween")
        _text(between, "FromDate", f"{self.from_date}T00:00:00Z")
        _text(between, "ToDate", f"{self.to_date}T23:59:59Z")
        frames = _child(composite, "frames")
        self._resources(self._entity(frames, "ResourceFrame", "resources"))
        self._network(self._entity(frames, "ServiceFrame", "network"))
        self._fares(self._entity(frames, "FareFrame", "fares"))
        return root

    def _resources(self, frame: ET.Element) -> None:
        operator = self._entity(_child(frame, "organisations"), "Operator", "authority")
        _text(operator, "Name", self.book.name)

    def _network(self, frame: ET.Element) -> None:
        points = _child(frame, "scheduledStopPoints")
        for stop in self.feed.stops:
            point = self._entity(points, "ScheduledStopPoint", stop.stop_id)
            _text(point, "Name", stop.name or stop.stop_id)
            if stop.lat is not None and stop.lon is not None:
                location = _child(point, "Location")
                _text(location, "Longitude", f"{stop.lon:.6f}")
                _text(location, "Latitude", f"{stop.lat:.6f}")
            zones = zone_names(self.book, stop)
            if zones:
                refs = _child(point, "tariffZones")
                for zone in zones:
                    self._ref(refs, "TariffZone", zone)
        zones_element = _child(frame, "tariffZones")
        for zone in self.book.zones:
            _text(self._entity(zones_element, "TariffZone", zone), "Name", zone)

    def _fares(self, frame: ET.Element) -> None:
        _text(_child(frame, "FrameDefaults"), "DefaultCurrency", self.book.currency)
        self._tariff(_child(frame, "tariffs"))
        profiles = _child(frame, "usageParameters")
        for group in self.book.groups:
            self._profile(profiles, group)
        products = _child(frame, "fareProducts")
        for one in self.priced:
            self._product(products, one)
        tables = _child(frame, "fareTables")
        for one in self.priced:
            for group in self.book.groups:
                self._table(tables, one, group)
        packages = _child(frame, "salesOfferPackages")
        for one in self.priced:
            self._package(packages, one)

    def _tariff(self, tariffs: ET.Element) -> None:
        tariff = self._entity(tariffs, "Tariff", "zones")
        _text(tariff, "Name", self.book.name)
        self._ref(tariff, "Operator", "authority")
        structure = self._entity(
            _child(tariff, "fareStructureElements"), "FareStructureElement", "rides"
        )
        refs = _child(structure, "distanceMatrixElements")
        for start, end in self._pairs():
            self._ref(refs, "DistanceMatrixElement", f"{start}+{end}")
        elements = _child(tariff, "distanceMatrixElements")
        for start, end in self._pairs():
            element = self._entity(elements, "DistanceMatrixElement", f"{start}+{end}")
            self._ref(element, "TariffZone", start, "StartTariffZoneRef")
            self._ref(element, "TariffZone", end, "EndTariffZoneRef")

    def _profile(self, parent: ET.Element, group: m.Group) -> None:
        profile = self._entity(parent, "UserProfile", group.name)
        _text(profile, "Name", group.name)
        if group.ages:
            _text(profile, "MinimumAge", str(group.ages[0]))
            _text(profile, "MaximumAge", str(group.ages[1]))

    def _product(self, parent: ET.Element, one: Priced) -> None:
        product = self._entity(parent, "PreassignedFareProduct", one.key)
        _text(product, "Name", one.product.name)
        self._ref(product, "Operator", "authority")
        element = self._entity(_child(product, "validableElements"), "ValidableElement", one.key)
        refs = _child(element, "fareStructureElements")
        self._ref(refs, "FareStructureElement", "rides")
        _text(product, "ProductType", PRODUCT_TYPES.get(one.product.kind, "other"))

    def _package(self, parent: ET.Element, one: Priced) -> None:
        package = self._entity(parent, "SalesOfferPackage", one.key)
        _text(package, "Name", f"{one.product.name} ({DOCUMENTS[one.product.media]})")
        elements = _child(package, "salesOfferPackageElements")
        element = self._entity(elements, "SalesOfferPackageElement", one.key)
        element.set("order", "1")
        self._ref(element, "PreassignedFareProduct", one.key)

    def _table(self, parent: ET.Element, one: Priced, group: m.Group) -> None:
        offers = [offer for offer in one.offers if group.number in offer.cents]
        if not offers:
            return
        name = f"{one.key}.{group.name}"
        table = self._entity(parent, "FareTable", name)
        _text(table, "Name", f"{one.product.name}, {group.name}")
        self._ref(_child(table, "pricesFor"), "PreassignedFareProduct", one.key)
        self._ref(_child(table, "usedIn"), "Tariff", "zones")
        self._ref(_child(table, "limitations"), "UserProfile", group.name)
        cells = _child(table, "cells")
        for offer in offers:
            pair = "+".join(self.book.zones[zone - 1] for zone in (offer.start, offer.end))
            cell = self._entity(cells, "DistanceMatrixElementPrice", f"{name}.{pair}")
            _text(cell, "Amount", amount(self.book, offer.cents[group.number]))
            self._ref(cell, "DistanceMatrixElement", pair)

    # --- ids and references ---

    def _pairs(self) -> Iterator[tuple[str, str]]:
        for start in self.book.zones:
            for end in self.book.zones:
                yield start, end

    def _id(self, kind: str, name: str) -> str:
        return f"authority-{self.book.authority}:{kind}:{quote(name, safe='+._-')}"

    def _entity(self, parent: ET.Element, kind: str, name: str) -> ET.Element:
        return ET.SubElement(parent, kind, {"version": VERSION, "id": self._id(kind, name)})

    def _ref(self, parent: ET.Element, kind: str, name: str, tag: str = "") -> None:
        attributes = {"version": VERSION, "ref": self._id(kind, name)}
        ET.SubElement(parent, tag or f"{kind}Ref", attributes)


def _plain(one: Priced) -> Priced:
    """Return a product with the prices of the state in which the fewest windows hold."""
    plain = min((offer.state for offer in one.offers), key=lambda s: (sum(s), s), default=())
    return one._replace(offers=[offer for offer in one.offers if offer.state == plain])


def _child(parent: ET.Element, tag: str) -> ET.Element:
    return ET.SubElement(parent, tag)


def _text(parent: ET.Element, tag: str, text: str) -> None:
    # XML 1.0 has no control characters, not even escaped.
    ET.SubElement(parent, tag).text = "".join(c if c >= " " else " " for c in text)
