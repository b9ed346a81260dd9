"""The zones of a feed's stops, as one tariff names them. Source: W-33, W-37."""

import datetime
from typing import Any

from backend_sync.tariffs.feed import Feed
from backend_sync.tariffs.forms import name_list
from backend_sync.tariffs.source import Source


def zoned_feed(source: Source, feed: Feed) -> Feed:
    """Return `feed` with each stop's zones as this tariff names them, and its days moved.

    `zones.from` says whether zone_id or the stop's areas count, `zones.alias` renames,
    `zones.stops` corrects single stops. `zones.feed_days_later` moves the calendars of an old feed.
    """
    zones = source.values["zones"]
    sources = name_list(zones.get("from", "stops.zone_id"))
    alias, fixed, order = zones.get("alias", {}), zones.get("stops", {}), zones["order"]

    def named(name: str) -> str:
        return str(name if name in order else alias.get(name, alias.get("*", name)))

    def placed(stop: Any) -> Any:
        if stop.stop_id in fixed:
            names = name_list(fixed[stop.stop_id])
            return stop._replace(zone=names[0], areas=tuple(names[1:]))
        zone = named(stop.zone) if "stops.zone_id" in sources else ""
        areas = tuple(map(named, stop.areas)) if "stop_areas" in sources else ()
        return stop._replace(zone=zone, areas=areas)

    later = datetime.timedelta(days=zones.get("feed_days_later", 0))
    services = {
        service: tuple(date + later for date in dates) for service, dates in feed.services.items()
    }
    return feed._replace(stops=[placed(stop) for stop in feed.stops], services=services)
