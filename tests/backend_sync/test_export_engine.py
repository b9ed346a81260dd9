"""What is exported is what the engine asks: every pair of zones, at hours in and out of windows."""

import datetime

import pytest

from backend_sync.tariffs import model as m
from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.price_list import price_list
from backend_sync.tariffs.rater import Place, Rater
from backend_sync.tariffs.when import date
from backend_sync.tariffs.zoned import dated_feed
from card_layouts.cards.zones import zone_bit
from card_layouts.fares import inputs as i
from tests.backend_sync.test_export_fares import CITIES, SHIPPED

# Further from every border of a window than the readings of the clock reach.
HOURS = ("00:30", "03:30", "04:30", "08:30", "10:00", "12:30", "13:30", "22:30", "23:30")


def state_at(one, moment: datetime.datetime):
    """Return the state of the product's windows at a civil date and minute."""
    if one.frames is None:
        return ()
    minute = moment.hour * 60 + moment.minute
    for cuts, dates in one.frames.services.items():
        if moment.date() in dates:
            return next(state for first, last, state in cuts if first <= minute < last)
    raise AssertionError(moment)


@pytest.mark.requirement("D31", "W-39")
@pytest.mark.parametrize("city", CITIES)
def test_the_engine_asks_what_is_exported(city):
    authored = read_tariff(SHIPPED / city / "tariff.toml")
    feed = dated_feed(authored.source, read_feed(SHIPPED / city / "gtfs"))
    rater, book = Rater(authored, feed), authored.book
    one = next(p for p in price_list(authored, feed) if p.key == "value")
    stop_in = {}
    for index, stop in enumerate(feed.stops):
        if len({stop.zone, *stop.areas} - {""}) == 1:
            stop_in.setdefault(stop.zone or stop.areas[0], index)
    start = date(book.valid_from)
    days = [start + datetime.timedelta(n) for n in (10, 11, 12, 13, 14, 15, 16)]
    compared = 0
    for day in days:
        for hour in HOURS:
            moment = datetime.datetime.combine(day, datetime.time.fromisoformat(hour))
            offers = {
                (o.start, o.end): o.cents for o in one.offers if o.state == state_at(one, moment)
            }
            for (first, last), cents in offers.items():
                stop = stop_in.get(book.zones[first - 1])
                if stop is None:
                    continue
                for group, wanted in cents.items():
                    card = purse_card(rater, one.product, book, group)
                    tap = rater.tap(Place(None, -1, -1, stop), rater.second(moment))
                    tap[i.T_PICKED] = zone_bit(last)
                    decision = rater.decide(card, tap)
                    said = decision[i.D_KIND], decision[i.D_AMOUNT]
                    assert said == (i.KIND_CHARGE, wanted), (moment, first, last, group)
                    compared += 1
    assert compared >= len(days) * len(HOURS)


def purse_card(rater: Rater, product: m.Product, book: m.Book, group: int) -> list[int]:
    card = rater.words.card({"balance": 0xFFFF, "purse": {"product": product.number}})
    found = book.group(group)
    card[i.C_GROUP], card[i.C_GROUP_UNTIL] = group, book.valid_to
    card[i.C_CONCESSION], card[i.C_CONCESSION_UNTIL] = found.concession, book.valid_to
    return card
