"""The zones of a feed's stops, as one tariff names them. Source: W-33, W-37."""

from typing import Any

from backend_sync.tariffs.feed import Feed
from backend_sync.tariffs.forms import name_list
from backend_sync.tariffs.source import Source


def zoned_feed(source: Source, feed: Feed) -> Feed:
    """Return `feed` with each stop's zones as this tariff names them.

    `zones.from` says whether zone_id or the stop's areas count, `zones.alias` renames,
    `zones.stops` corrects single stops.
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

    return feed._replace(stops=[placed(stop) for stop in feed.stops])
