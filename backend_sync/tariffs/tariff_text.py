"""Write a drafted tariff as the TOML an author goes on with; each part names its source.

Source: README.md of this folder (the grammar).
"""

import json
import re

from backend_sync.tariffs.draft import Cells, Draft, DraftGroup, Family, decimals
from backend_sync.tariffs.leg_rules import EVERYWHERE

ZONE_EVERYWHERE = "all"


def tariff_text(draft: Draft, authority: int) -> str:
    """Return the TOML of `draft` for `authority`."""
    names = zone_names(draft.zones)
    lines = [
        f"# Drafted from the fares of {_comment(draft.feed)}. Each part names the file and line it "
        "comes from;",
        "# what could not be carried stands in the report of `tornello tariff import`.",
        f"authority = {authority}                      # the number on the card: choose yours",
        f"name = {_text(draft.name)}",
        f"currency = {_text(draft.currency)}",
        f"decimals = {decimals(draft.currency)}",
        f"valid_from = {draft.first_day}             # first and last day of the feed's services",
        f"valid_to = {draft.last_day}",
        f"timezone = {_text(draft.timezone)}       # agency.txt",
        'service_day = "00:00"              # the feed has none; 04:00 is usual',
        "",
        *_zones(draft, names),
        *_groups(draft.groups),
        *_windows(draft),
    ]
    for family in draft.families:
        lines += _prices(family, draft, names)
    for family in draft.families:
        lines += _transfer(family, names)
    for number, family in enumerate(draft.families):
        lines += _product(family, number, any(family.minutes.values()))
    if draft.left_out:
        lines += ["# Not carried:", *(f"#   {_comment(said)}" for said in draft.left_out)]
    return "\n".join(lines).rstrip("\n") + "\n"


def zone_names(zones: list[str]) -> dict[str, str]:
    """Return the name of each zone of the feed here; signs that join zones are taken out."""
    names: dict[str, str] = {}
    for zone in zones:
        base = re.sub(r"[^\w. /]+", "_", zone).strip() or "zone"
        base = ZONE_EVERYWHERE if zone == EVERYWHERE else base
        name, count = base, 1
        while name in names.values():
            count += 1
            name = f"{base}_{count}"
        names[zone] = name
    return names


def _zones(draft: Draft, names: dict[str, str]) -> list[str]:
    order = ", ".join(_text(names[zone]) for zone in draft.zones)
    lines = ["[zones]", f"order = [{order}]"]
    titles = [f"{names[z]} {draft.titles[z]}" for z in draft.zones if draft.titles.get(z)]
    if titles:
        lines.append(f"# {_comment(', '.join(titles))}")
    if draft.zones_from:
        lines.append(f"from = {_text(draft.zones_from)}")
    lines.append('skip = "touched"                   # the feed prices pairs of zones')
    alias = {zone: name for zone, name in names.items() if zone != name}
    if alias:
        cells = ", ".join(f"{_text(zone)} = {_text(name)}" for zone, name in alias.items())
        lines.append(f"alias = {{ {cells} }}")
    return [*lines, ""]


def _groups(groups: list[DraftGroup]) -> list[str]:
    lines = ["[groups]                           # rider_categories.txt; the feed has no ages"]
    for number, group in enumerate(groups):
        grant = "" if group.is_default else f', concession = {number or 1}, payer = "authority"'
        ages = ", ages = [0, 120]" if group.is_default else ""
        lines.append(
            f'{_key(group.name)} = {{ number = {number}, class = "adult"{ages}{grant} }}'
            f"  # {group.source} {_comment(group.title)}"
        )
    return [*lines, ""]


def _windows(draft: Draft) -> list[str]:
    lines: list[str] = []
    calendars: dict[str, str] = {}
    for window in draft.windows:
        for service, first, last in window.parts:
            calendar = calendars.setdefault(service, f"service-{len(calendars) + 1}")
            lines += [
                f"[[windows.{_key(window.name)}]]  # {window.source}",
                f"calendar = {_text(calendar)}",
                f'from = "{first // 60:02}:{first % 60:02}"',
                f'to = "{last // 60:02}:{last % 60:02}"',
                'date = "civil"                     # a timeframe goes by the date',
                "",
            ]
    for service, calendar in calendars.items():
        lines += [f"[calendars.{calendar}]", f"from_feed = [{_text(service)}]", ""]
    return lines


def _prices(family: Family, draft: Draft, names: dict[str, str]) -> list[str]:
    lines = [f"# {_comment(source)}" for source in family.sources]
    lines += [f"[prices.{_key(family.name)}]", 'by = "set"']
    lines += _rows(family.cells, draft, names)
    if family.filled:
        sets = ", ".join(sorted(_set(zone_set, draft.zones, names) for zone_set in family.filled))
        lines.append(f"# {sets}: no fare of the feed; the dearest fare inside")
    for window, cells in family.when.items():
        lines += [
            "",
            f"[[prices.{_key(family.name)}.when]]",
            f"window = {_text(window)}",
            *_rows(cells, draft, names),
        ]
    return [*lines, ""]


def _rows(cells: Cells, draft: Draft, names: dict[str, str]) -> list[str]:
    lines = []
    for group in draft.groups:
        priced = {
            _set(zone_set, draft.zones, names): row[group.name]
            for zone_set, row in cells.items()
            if group.name in row
        }
        if priced:
            row = ", ".join(f"{_text(words)} = {amount}" for words, amount in priced.items())
            lines.append(f"{_key(group.name)} = {{ {row} }}")
    return lines


def _set(zone_set: frozenset[str], zones: list[str], names: dict[str, str]) -> str:
    return "+".join(names[zone] for zone in zones if zone in zone_set)


def _transfer(family: Family, names: dict[str, str]) -> list[str]:
    if not any(family.minutes.values()):
        return []
    minutes = ", ".join(f"{_text(names[zone])} = {n}" for zone, n in family.minutes.items())
    lines = [f"[transfer.{_key(family.name)}]", f"by_start_zone = {{ {minutes} }}"]
    if family.legs:
        lines.append(f"legs = {family.legs}")
    lines.append(f"upgrade = {str(family.upgrade).lower()}")
    return [*lines, ""]


def _product(family: Family, place: int, has_transfer: bool) -> list[str]:
    lines = [
        f"[products.{_key(family.name)}]",
        f"name = {_text(family.title or family.name)}",
        f"number = {place + 1}",
        f'kind = "{family.kind}"',
        f"rank = {50 + place}",
        f"prices = {_text(family.name)}",
    ]
    if family.window:
        lines.append(f"window = {_text(family.window)}")
    if has_transfer:
        lines.append(f"transfer = {_text(family.name)}")
    return [*lines, ""]


def _text(value: str) -> str:
    """Return a TOML basic string: JSON's escapes are TOML's, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(value: str) -> str:
    return value if re.fullmatch("[A-Za-z0-9_-]+", value) else _text(value)


def _comment(value: str) -> str:
    """Return `value` on one line and without control characters, which TOML forbids here."""
    return "".join(c if c.isprintable() else " " for c in value)
