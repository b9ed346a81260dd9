"""Rules about products, riders and loading. Source: tariff-model.md section 6."""

from collections.abc import Iterator
from itertools import combinations, pairwise

from backend_sync.tariffs import model as m
from backend_sync.tariffs.rules.case import Case, Problem, fare
from backend_sync.tariffs.rules.network import idle_brief
from backend_sync.tariffs.when import date

CAP_DAYS_MAX, TRAVEL_DAYS_MAX, TRIPS_MAX = 511, 127, 15
MEDIA_ULTRALIGHT = 1


def unreachable(case: Case) -> Iterator[Problem]:
    for key, product in case.products():
        path = ("products", key)
        if product.otherwise is not None:
            yield from _else_is_never_dearer(case, key, product)
        if not product.groups:
            yield Problem(path, f"products.{key} admits no group", "at least one")
        if product.span == m.SPAN_DATES and (
            product.last_day < case.book.valid_from or product.first_day > case.book.valid_to
        ):
            said = f"products.{key} is valid outside this tariff's time only"
            yield Problem((*path, "span"), said, "days within the validity")
    for window in case.book.windows:
        if not case.days_of(window) and (window.calendar is None or _has_days(case, window)):
            said = f"windows.{window.name} meets no day"
            yield Problem(("windows", window.name), said, "days that its calendar has")
    yield from _unused(case)
    yield from idle_brief(case)


def _has_days(case: Case, window: m.Window) -> bool:
    assert window.calendar is not None
    validity = range(case.book.valid_from, case.book.valid_to + 1)
    return not case.days_in(case.book.calendars[window.calendar]).isdisjoint(validity)


def _else_is_never_dearer(case: Case, key: str, product: m.Product) -> Iterator[Problem]:
    other = case.book.product(product.otherwise if product.otherwise is not None else -1)
    own = case.table(product.prices)
    rest = case.table(other.prices) if other is not None else None
    if own is None or rest is None:
        return
    adult = case.book.class_group(m.CLASS_ADULT)
    pairs = [
        (fare(own.prices, run, group.number), fare(rest.prices, run, adult))
        for group in case.groups(product.groups)
        for run in case.runs()
    ]
    if all(a is not None and b is not None and a >= b for a, b in pairs):
        yield Problem(
            ("products", key, "window"),
            f"products.{key} never costs less than what follows outside its window",
            "a lower price inside the window",
        )


def _unused(case: Case) -> Iterator[Problem]:
    windows = {p.window for p in case.book.products} | {s.window for s in case.book.surcharges}
    windows |= {when.window for table in case.book.tables for when in table.when}
    reached = {row.name for index in windows if index is not None for row in case.chain(index)}
    for name in case.values.get("windows", {}):
        if name not in reached:
            yield Problem(("windows", name), f"nothing uses windows.{name}", "a rule that does")
    for index, transfer in enumerate(case.book.transfers):
        if all(product.transfer != index for product in case.book.products):
            said = f"no product uses transfer.{transfer.name}"
            yield Problem(("transfer", transfer.name), said, "a product that does")
    kinds = {m.KIND_PURSE: m.ON_PURSE, m.KIND_TICKET: m.ON_TICKET, m.KIND_PASS: m.ON_PASS}
    for surcharge in case.book.surcharges:
        if not any(p.surcharge and surcharge.on & kinds.get(p.kind, 0) for p in case.book.products):
            said = f"no product pays surcharges.{surcharge.name}"
            yield Problem(("surcharges", surcharge.name, "on"), said, "a product of its kinds")


def rank_tie(case: Case) -> Iterator[Problem]:
    for (key, one), (other_key, other) in combinations(case.products(), 2):
        same = (one.kind, one.rank, one.media) == (other.kind, other.rank, other.media)
        if same and one.kind != m.KIND_TICKET and one.groups & other.groups:
            yield Problem(
                ("products", other_key, "rank"),
                f"products.{key} and products.{other_key} both have rank {one.rank}",
                "a rank that says which goes first",
                {"products": (key, other_key)},
            )


def else_cycle(case: Case) -> Iterator[Problem]:
    for key, product in case.products():
        if product.otherwise is None:
            continue
        following = case.book.product(product.otherwise)
        if following is not None and following.otherwise is not None:
            yield Problem(
                ("products", key, "else"),
                f"products.{key} goes on to {following.name}, which has an else itself",
                "one step",
            )


def cap_span(case: Case) -> Iterator[Problem]:
    for key, product in case.products():
        path = ("products", key)
        if product.cap is not None and product.cap.days > CAP_DAYS_MAX:
            said = f"a cap over {product.cap.days} days"
            yield Problem((*path, "cap", "days"), said, f"at most {CAP_DAYS_MAX}")
        if product.days[1] > CAP_DAYS_MAX:
            unit = "hours" if product.minutes else "days"
            said = f"a span of {product.days[1]} {unit}"
            yield Problem((*path, "span", unit), said, f"at most {CAP_DAYS_MAX}")
        if product.minutes:
            yield from _by_the_minute(case, key, product)
        most = min(TRAVEL_DAYS_MAX, product.days[0] or TRAVEL_DAYS_MAX)
        if product.travel_days > most and not product.minutes:
            said = f"{product.travel_days} travel days in {product.days[0]} days"
            yield Problem((*path, "span", "travel_days"), said, f"at most {most}")
        if product.trips_per_day > TRIPS_MAX:
            said = f"{product.trips_per_day} trips a day"
            yield Problem((*path, "trips_per_day"), said, f"at most {TRIPS_MAX}")


def _by_the_minute(case: Case, key: str, product: m.Product) -> Iterator[Problem]:
    """A card has room for the minute a right ends, or for what else is counted, not for both."""
    path, hours = ("products", key, "span"), "hours" in case.values["products"][key]["span"]
    unit = "hours" if hours else "minutes"
    beside = [
        word
        for word, is_there in (
            ("travel days", product.travel_days),
            ("a cap", product.cap is not None),
            ("an Ultralight C ticket, which counts days", product.media == MEDIA_ULTRALIGHT),
            ("a purse, which never ends", product.kind == m.KIND_PURSE),
            ("a ticket, which has minutes", product.kind == m.KIND_TICKET and hours),
        )
        if is_there
    ]
    for word in beside:
        yield Problem(path, f"products.{key}: {unit} and {word}", f"{unit} alone, or days")


def purse_limit(case: Case) -> Iterator[Problem]:
    """One purse product fills the purse; caps and extensions stand in slots beside it."""
    for group in case.book.groups:
        money = [
            (key, product)
            for key, product in case.products()
            if product.kind == m.KIND_PURSE and product.groups >> group.number & 1
        ]
        beside = [key for key, product in money if product.cap is not None or product.needs_pass]
        if len(beside) + (len(money) > len(beside)) > 2:
            purse = next(key for key, _product in money if key not in beside)
            yield Problem(
                ("products", beside[-1]),
                f"a card of group {group.name} may hold {', '.join([purse, *beside])} at once",
                "at most two products that take money",
            )
    if len(case.book.surcharges) > 2:
        third = case.book.surcharges[2].name
        said = f"{len(case.book.surcharges)} surcharges"
        yield Problem(("surcharges", third), said, "at most two a tariff")


def age_hole(case: Case) -> Iterator[Problem]:
    plain = [group for group in case.book.groups if not group.concession]
    if not any(group.age_class == m.CLASS_CHILD for group in plain):
        yield Problem(("groups",), "no group of class child", "children are a group of their own")
    aged = sorted((group for group in plain if group.ages), key=lambda group: group.ages or (0, 0))
    for before, after in pairwise(aged):
        assert before.ages is not None and after.ages is not None
        if before.ages[1] + 1 != after.ages[0]:
            what = "a hole" if before.ages[1] < after.ages[0] else "an overlap"
            yield Problem(
                ("groups", after.name, "ages"),
                f"{what}: {before.name} ends at {before.ages[1]}, {after.name} begins at"
                f" {after.ages[0]}",
                f"{after.name} to begin at {before.ages[1] + 1}",
            )


def companions(case: Case) -> Iterator[Problem]:
    for key, product in case.products():
        young = [g for g in case.groups(product.groups) if g.age_class < m.CLASS_ADULT]
        if product.companions == m.COMPANIONS_ANY and young and not product.billed:
            yield Problem(
                ("products", key, "companions", "class"),
                f"with products.{key} a {young[0].name} may pay for an adult",
                'class = "own_or_younger", or adults only in groups',
            )


def number_reuse(case: Case) -> Iterator[Problem]:
    for old in case.archive:
        name = old.source.path.name
        for key, product in case.products():
            before = old.book.product(product.number)
            if before is not None and _meaning(before) != _meaning(product):
                yield Problem(
                    ("products", key, "number"),
                    f"number {product.number} was {before.name} in {name}, and is {key} now",
                    "a number never used before",
                )
        schemes = case.values["zones"].get("schemes", {})
        if old.book.zones != case.book.zones and not schemes:
            before_words, words = ", ".join(old.book.zones), ", ".join(case.book.zones)
            said = f"zones were {before_words} in {name}, and are {words} now"
            yield Problem(("zones", "order"), said, "zones.schemes for cards sold before")


def _meaning(product: m.Product) -> tuple[object, ...]:
    return product.kind, bool(product.travel_days), product.cap is not None, product.needs_pass


def load(case: Case) -> Iterator[Problem]:
    for channel, row in case.values.get("load", {}).items():
        for load in (load for load in case.book.load if load.channel == channel):
            for word, amount in (("min", load.minimum), ("max", load.maximum)):
                if amount % load.step:
                    step = case.money(load.step)
                    said = f"load.{channel}: {word} {case.money(amount)} is no multiple of {step}"
                    yield Problem(("load", channel, word), said, "a multiple of the step")
            if load.minimum > load.maximum:
                least, most = case.money(load.minimum), case.money(load.maximum)
                said = f"load.{channel}: min {least} is above max {most}"
                yield Problem(("load", channel, "min"), said, "min at most max")
            yield from _below_thresholds(case, channel, load)
        for product in (*row.get("sells", []), *row.get("prices", {})):
            if product not in case.values["products"]:
                said = f"load.{channel} sells {product}, which is no product"
                yield Problem(("load", channel), said, "a product of this tariff")


def _below_thresholds(case: Case, channel: str, load: m.Load) -> Iterator[Problem]:
    for key, product in case.products():
        table = case.table(product.cap.table) if product.cap is not None else None
        for group in case.groups(product.groups & load.groups) if table is not None else []:
            assert table is not None
            prices = [r[group.number] for r in table.prices.values() if group.number in r]
            if prices and load.maximum < min(prices):
                yield Problem(
                    ("load", channel, "max"),
                    f"load.{channel} fills a purse to {case.money(load.maximum)}; products.{key}"
                    f" is free for {group.name} from {case.money(min(prices))} on",
                    "a maximum that reaches the threshold",
                )
                return


def payer(case: Case) -> Iterator[Problem]:
    payers: dict[int, m.Group] = {}  # the first group of a concession
    for group in case.book.groups:
        if group.concession:
            payers.setdefault(group.concession, group)
            if payers[group.concession].payer != group.payer:
                other = payers[group.concession].name
                said = f"groups.{group.name} and {other} are one concession with two payers"
                yield Problem(("groups", group.name), said, "a concession number for each payer")
        if group.concession and group.payer == m.PAYER_NOBODY:
            said = f"groups.{group.name} is a concession that nobody pays for"
            yield Problem(("groups", group.name), said, "payer = who owes the difference")
    for key, product in case.products():
        table = case.table(product.prices)
        prices = [c for row in table.prices.values() for c in row.values()] if table else []
        if prices and not any(prices) and product.payer == m.PAYER_NOBODY:
            said = f"products.{key} costs nothing and nobody is billed for it"
            yield Problem(("products", key), said, "payer = who is billed")
        if not product.vat:
            said = f"products.{key} has no code of value-added tax"
            yield Problem(("products", key), said, "vat here, or settlement.vat for all")
    yield from _vat_begins(case)
    yield from _revenue(case)


def _vat_begins(case: Case) -> Iterator[Problem]:
    first = {rate.code: rate for rate in reversed(case.book.vat)}
    used = {product.vat for product in case.book.products}
    for code, rate in first.items():
        if code in used and rate.from_day > case.book.valid_from:
            said = f"vat.{rate.name} begins {date(rate.from_day)}, after the tariff"
            yield Problem(("vat", rate.name), said, f"a rate from {date(case.book.valid_from)} on")


def _revenue(case: Case) -> Iterator[Problem]:
    """Revenue that nobody gets: shares without names, or legs without lengths (X-12)."""
    terms, by_shares = case.book.settlement, case.book.settlement.passes == m.PASSES["shares"]
    if by_shares and not terms.shares:
        said = 'settlement.passes = "shares" and no shares'
        yield Problem(("settlement", "passes"), said, "[settlement.shares] with agency_id = parts")
    if terms.shares and not by_shares:
        said = 'settlement.shares are not asked: passes = "by_use"'
        yield Problem(("settlement", "shares"), said, 'passes = "shares", or no shares')
    known = [agency.agency_id for agency in case.feed.agencies] if case.feed else terms.shares
    for agency in terms.shares:
        path = ("settlement", "shares", agency)
        if agency not in known:
            said = f'settlement.shares: the feed has no agency "{agency}"'
            yield Problem(path, said, f"one of {', '.join(known)}")
        elif agency not in terms.operators:
            said = f'settlement.shares: "{agency}" has no number: whose account is it'
            yield Problem(path, said, "settlement.operators with agency_id = number")
    if case.feed is not None and terms.revenue == m.REVENUES["per_km"]:
        served = {stop for trip in case.feed.trips for stop in trip.stops}
        lost = [row.stop_id for row in map(case.feed.stops.__getitem__, sorted(served))
                if row.lat is None or row.lon is None]  # fmt: skip
        if lost:
            said = f"by the kilometre, and {len(lost)} stops have no coordinates: {lost[0]} first"
            yield Problem(("settlement", "revenue"), said, "coordinates, or another way to divide")


def ppu_interval(case: Case) -> Iterator[Problem]:
    rows = case.values.get("ppu", {}).get("ticket", [])
    for index, row in enumerate(rows):
        path = ("ppu", "ticket", index)
        kinds = [key for key in ("minutes", "window", "days") if key in row]
        if "within_days" in row:
            said = f'"{row["name"]}" is {row.get("days")} days within {row["within_days"]}'
            yield Problem((*path, "within_days"), said, "days in a row: an interval")
        if len(kinds) != 1:
            said = f'"{row["name"]}" has {" and ".join(kinds) or "no length"}'
            yield Problem(path, said, "one of minutes, window, days")
        for kind in case.values["ppu"]["types"]:
            if kind not in row:
                yield Problem(path, f'"{row["name"]}" has no price for {kind}', "one for each type")
