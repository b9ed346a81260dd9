"""The linter: every rule a tariff must keep, in one table, and the warnings an author accepts.

`compile` refuses errors and unaccepted warnings. A published table may be odd on purpose: its
warnings are accepted in `[accept]` with a reason; an error never is.
Source: tariff-model.md section 6; issue 4.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from backend_sync.tariffs.book import Authored, read_tariff
from backend_sync.tariffs.feed import Feed
from backend_sync.tariffs.gtfs import GtfsError, read_feed
from backend_sync.tariffs.rules import network, prices, products, when
from backend_sync.tariffs.rules.case import Case, Problem, RuleFunction
from backend_sync.tariffs.source import Finding, TariffFault
from backend_sync.tariffs.zoned import dated_feed

ERROR, WARNING = "error", "warning"


class Rule(NamedTuple):
    rule: str
    severity: str
    what: str  # what the rule holds, for a reader of the list
    remedy: str
    find: RuleFunction


# fmt: off
RULES = tuple(Rule(*row) for row in (
    ("gap-price", ERROR, "every run of zones has a sold superset, in every table and group in use",
     "list the price, or one of a wider set", prices.gap_price),
    ("group-price", ERROR, "each group a product admits has a row of prices",
     "add the row, or leave the group out", prices.group_price),
    ("inversion-set", WARNING, "a set of zones is never cheaper than a part of it",
     "raise the wider set, or accept it with a reason", prices.inversion_set),
    ("inversion-group", WARNING, "child pays at most as much as youth, youth as adult",
     "swap the rows, or accept it with a reason", prices.inversion_group),
    ("split-cheaper", WARNING, "no journey is cheaper as two",
     "lower the longer one, or accept it with a reason", prices.split_cheaper),
    ("upgrade-cheaper", WARNING, "no journey is cheaper as a short one and another product",
     "raise the added part, or accept it with a reason", prices.upgrade_cheaper),
    ("stop-zone", ERROR, "each stop of a trip has a zone of this book or one around",
     "add it to the feed, or to zones.stops", network.stop_zone),
    ("zone-order", ERROR, "each zone of the feed is in zones.order, and the other way round",
     "correct zones.order, or rename with zones.alias", network.zone_order),
    ("zone-count", ERROR, "at most 12 zones, and 10 stretches of zones a trip",
     "join zones, or split the line", network.zone_count),
    ("product-price", ERROR, "each product has a price table, each table a product",
     "delete the table, or accept it with a reason", prices.product_price),
    ("dates", ERROR, "validity runs forward, versions follow each other, calendars cover it",
     "correct valid_from or valid_to, or publish a newer feed", when.dates),
    ("window-order", ERROR, "no empty window, none that always holds, no two prices at a time",
     "correct its times, or give the groups to one window", when.window_order),
    ("calendar-empty", ERROR, "the calendar of a window has a day in the validity",
     "list the days of this period", when.calendar_empty),
    ("unreachable", ERROR, "each rule and product can be met by some card and tap",
     "delete it, or correct what keeps it away", products.unreachable),
    ("rank-tie", WARNING, "two products of a kind that meet on a card have different ranks",
     "give one another rank, or accept it with a reason", products.rank_tie),
    ("else-cycle", ERROR, "what follows outside a window is one step away",
     "name the product that prices it", products.else_cycle),
    ("service-day-dst", ERROR, "the service day does not begin inside an hour that moves",
     "use a time outside", when.service_day_dst),
    ("late-stop-times", WARNING, "trips end within the service day and never pause for hours",
     "correct stop_times.txt, or accept it with a reason", when.late_stop_times),
    ("transfer-zero", ERROR, "each start zone or paid set has its minutes",
     'add it, or "*" for the others', network.transfer_zero),
    ("cap-threshold", ERROR, "a cap has a threshold of at least one fare for each set and group",
     "complete the table", prices.cap_threshold),
    ("cap-span", ERROR, "days, travel days and trips fit the card and each other",
     "lower it", products.cap_span),
    ("money-width", ERROR, "the dearest journey and product fit the card's fields",
     "lower companions.max or the price", prices.money_width),
    ("purse-limit", ERROR, "at most two products that take money on a card, two surcharges",
     "take groups from one of them", products.purse_limit),
    ("age-hole", ERROR, "ages follow each other, and children are a group",
     "correct ages", products.age_hole),
    ("companions", ERROR, "nobody pays for an older group than his own",
     "narrow companions.class or groups", products.companions),
    ("foreign", ERROR, "products of others exist, and shared stops have an order",
     "correct the number, or add the area", network.foreign),
    ("number-reuse", ERROR, "numbers and zones mean what they meant in earlier versions",
     "take a new number, or add zones.schemes", products.number_reuse),
    ("load", ERROR, "steps divide the limits, and the limits reach the best price",
     "correct the channel", products.load),
    ("payer", ERROR, "somebody pays for what is free or reduced, VAT and revenue go to somebody",
     "name it", products.payer),
    ("rounding", WARNING, "a listed price equals the one its rule derives",
     "drop the rule or the listed row, or accept it with a reason", prices.rounding),
    ("ppu-interval", ERROR, "a pay-per-use ticket is one interval, priced for each type",
     "split it, or leave it out", products.ppu_interval),
))
# fmt: on
BY_ID = {rule.rule: rule for rule in RULES}


class Report(NamedTuple):
    """What `check` found: what must be mended, and what the author accepted and why."""

    findings: list[Finding]  # errors and unaccepted warnings
    accepted: list[tuple[Finding, str]]  # with the reason
    authored: Authored | None  # None when the file could not be read as a tariff
    feed: Feed | None

    @property
    def is_clean(self) -> bool:
        return not self.findings


def check(path: Path, gtfs: Path | None = None, version: int = 1) -> Report:
    """Read the tariff in `path` and return everything wrong with it.

    The feed is `gtfs`, else the tariff's zones.feed; without one the rules about stops are left
    out. Raises: OSError when the tariff is unreadable, GtfsError when the feed is.
    """
    try:
        authored = read_tariff(path, version)
        archive = tuple(_archived(authored))
    except TariffFault as fault:
        return Report(in_order(fault.findings), [], None, None)
    feed = feed_of(authored, gtfs)
    return judge(Case(authored, feed, archive))


def feed_of(authored: Authored, gtfs: Path | None = None) -> Feed | None:
    """Return the tariff's feed, its days moved as the tariff says; None where none is named."""
    named = authored.source.get("zones", "feed")
    path = gtfs or (authored.source.path.parent / named if named else None)
    if path is None:
        return None
    if not path.exists():
        at = "" if gtfs else f"{authored.source.place('zones', 'feed')}: "
        raise GtfsError(f"{at}{path}: no such file; wanted a GTFS zip or folder")
    return dated_feed(authored.source, read_feed(path))


def _archived(authored: Authored) -> Iterator[Authored]:
    folder = authored.source.path.parent
    for index, name in enumerate(authored.source.get("archive", default=[])):
        try:
            yield read_tariff(folder / name, others=False)
        except OSError as error:
            place = authored.source.place("archive", index)
            said = f"{name}: {error.strerror}"
            fault = Finding(place, "archive", ERROR, said, "wanted a tariff", "")
            raise TariffFault([fault], authored.source.path) from None


def judge(case: Case) -> Report:
    """Return what the rules find in one tariff."""
    # A tariff that ends before it begins has no day to judge: nothing else would be true of it.
    rules = RULES if case.book.valid_from <= case.book.valid_to else (BY_ID["dates"],)
    found = [_finding(case, rule, problem) for rule in rules for problem in rule.find(case)]
    waivers = list(_waivers(case))
    findings, accepted, used = [], [], set()
    for finding in found:
        matching = [w for w in waivers if finding.severity == WARNING and w.covers(finding)]
        used |= {id(waiver) for waiver in matching}
        if matching:
            accepted.append((finding, matching[0].reason))
        else:
            findings.append(finding)
    for waiver in waivers if rules is RULES else ():
        if id(waiver) not in used:
            findings.append(_idle(case, waiver))
    return Report(in_order(findings), accepted, case.authored, case.feed)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda f: (f.place.file, f.place.line, f.rule, f.found))


def _finding(case: Case, rule: Rule, problem: Problem) -> Finding:
    place = case.authored.source.place(*problem.path)
    severity = problem.severity or rule.severity
    wanted = f"wanted {problem.wanted}"
    return Finding(place, rule.rule, severity, problem.found, wanted, rule.remedy, problem.about)


class Waiver(NamedTuple):
    path: tuple[str | int, ...]
    rule: str
    reason: str
    only: dict[str, list[Any]]

    def covers(self, finding: Finding) -> bool:
        """Return whether each part this waiver narrows itself to is named by the finding."""
        return finding.rule == self.rule and all(
            set(finding.about.get(key, ())) <= set(allowed) and key in finding.about
            for key, allowed in self.only.items()
        )


def _waivers(case: Case) -> Iterator[Waiver]:
    for rule, value in case.values.get("accept", {}).items():
        for index, row in enumerate(value if isinstance(value, list) else [value]):
            path = ("accept", rule, index) if isinstance(value, list) else ("accept", rule)
            only = {
                key: part if isinstance(part, list) else [part]
                for key, part in row.items()
                if key != "reason"
            }
            yield Waiver(path, rule, row["reason"], only)


def _idle(case: Case, waiver: Waiver) -> Finding:
    rule = BY_ID.get(waiver.rule)
    if rule is None:
        said = f'there is no rule "{waiver.rule}"'
    elif rule.severity == ERROR and rule.rule != "product-price":
        said = f"{waiver.rule} is an error, which cannot be accepted"
    else:
        said = f"nothing found by {waiver.rule} needs this"
    place = case.authored.source.place(*waiver.path)
    return Finding(place, "accept", ERROR, said, "wanted a warning of `check`", "delete it")
