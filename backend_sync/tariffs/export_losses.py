"""What a tariff says that GTFS Fares v2 and our NeTEx subset cannot, each with its line.

Source: tariff-model.md section 5, codes E1 to E16; E17 and E18 in losses.py.
"""

from collections.abc import Iterator

from backend_sync.tariffs import model as m
from backend_sync.tariffs.book import Authored
from backend_sync.tariffs.feed import Feed
from backend_sync.tariffs.losses import Loss
from backend_sync.tariffs.zoned import zone_names


def export_losses(authored: Authored, feed: Feed) -> list[Loss]:
    """Return every loss of writing this tariff out. `feed` is as the tariff names its zones."""
    return [*_of_book(authored, feed), *_of_groups(authored), *_of_products(authored)]


def _of_book(authored: Authored, feed: Feed) -> Iterator[Loss]:
    book, place = authored.book, authored.source.place
    if len(book.zones) > 1:
        at = str(place("zones", "order"))
        yield Loss("E1", at, f"a ride is priced by its set of {len(book.zones)} zones",
                   "by the zones where it starts and ends")  # fmt: skip
        yield Loss("E6", at, "zones chosen on the card or at the tap", "left out")
    if book.shift_minutes:
        at = str(place("service_day"))
        clock = f"{book.shift_minutes // 60:02}:{book.shift_minutes % 60:02}"
        yield Loss("E11", at, f"a service day begins at {clock}",
                   "windows are written out by date; spans and caps are not")  # fmt: skip
    several = [stop.stop_id for stop in feed.stops if len(zone_names(book, stop)) > 1]
    if several:
        said = f"{len(several)} stops lie in several zones, {several[0]} first"
        yield Loss("E12", str(place("zones")), said, "in all their areas: which one counts is open")
    for i, fee in enumerate(book.surcharges):
        name = list(authored.source.values["surcharges"])[i]
        if fee.on & m.ON_PASS:
            yield Loss("E7", str(place("surcharges", name)), f"{name} is asked of passes",
                       "left out: on purses and tickets it is in the price")  # fmt: skip
        if not fee.on_transfer or fee.once_per_journey:
            yield Loss("E7", str(place("surcharges", name)), f"{name} once a journey",
                       "in the price of each leg that is paid")  # fmt: skip
    if book.windows:
        yield Loss("E10", str(place("windows")), "readings of the clock in the rider's favour",
                   "windows end to the minute")  # fmt: skip
    if book.load:
        yield Loss("E9", str(place("load")), f"{len(book.load)} rules for loading", "left out")
    if book.per_use:
        yield Loss("E14", str(place("ppu")), f"{len(book.per_use)} pay-per-use tickets", "left out")
    is_settled = "settlement" in authored.source.values
    if is_settled or book.penalties:
        yield Loss("E16", str(place("settlement" if is_settled else "penalty")),
                   "settlement, penalty fares", "left out")  # fmt: skip
    if book.others or book.accepts:
        yield Loss("E18", str(place("areas" if book.others else "foreign")),
                   f"{len(book.others)} tariffs of others, {len(book.accepts)} foreign products",
                   "left out: export each tariff by itself")  # fmt: skip


def _of_groups(authored: Authored) -> Iterator[Loss]:
    for group in authored.book.groups:
        at = str(authored.source.place("groups", group.name))
        if group.ages:
            said = f"{group.name} is {group.ages[0]} to {group.ages[1]} years old"
            yield Loss("E5", at, said, "a rider category by name")
        if group.payer:
            yield Loss("E13", at, f"who pays the rest of {group.name}", "the reduced price only")


def _of_products(authored: Authored) -> Iterator[Loss]:
    keys = list(authored.source.values["products"])
    for key, product in zip(keys, authored.book.products, strict=True):
        for code, found, carried in _of_product(authored.book, key, product):
            yield Loss(code, str(authored.source.place("products", key)), found, carried)


def _of_product(book: m.Book, key: str, product: m.Product) -> Iterator[tuple[str, str, str]]:
    if product.cap is not None:
        code, what = ("E3", "best price") if product.cap.days > 1 else ("E2", "a cap")
        yield code, f"{key} has {what} over {product.cap.days} service days", "single charges only"
        if product.cap.clip:
            yield "E10", f"{key} cuts the last charge to the cap", "left out"
    if product.span or product.uses or product.travel_days:
        said = f"{key} lasts, starts or counts by rules" + (
            f" ({product.travel_days} travel days)" if product.travel_days else ""
        )
        yield "E4", said, "its price without its length"
    if product.companions_max:
        yield "E8", f"{key} pays for {product.companions_max} companions", "one rider"
    if product.trips_per_day:
        yield "E15", f"{key} has {product.trips_per_day} trips a day", "left out"
    if product.payer:
        yield "E13", f"{key} is paid by another", "what the rider pays at the tap"
    if product.kind == m.KIND_PASS:
        refund = "refund by unused days" if product.refund.allowed else "no refund"
        yield "E16", f"{key}: {refund}", "left out"
    if product.transfer is not None and book.transfers[product.transfer].upgrade:
        yield "E17", f"{key}: leaving the paid zones pays the difference", "the whole next fare"
    if product.needs_pass:
        yield "E17", f"{key} adds zones to a pass", "left out"
