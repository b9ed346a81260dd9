"""Rules about prices. Source: tariff-model.md section 6."""

from collections.abc import Iterator
from itertools import combinations

from backend_sync.tariffs import model as m
from backend_sync.tariffs.rules.case import Case, Problem, fare

AMOUNT_MAX = 0xFFFF  # a debit on the card has 16 bits
PRICE_MAX = (1 << 18) - 1  # P.price
TOURIST_PRICE_MAX = (1 << 14) - 1  # the refund base on an Ultralight C


def gap_price(case: Case) -> Iterator[Problem]:
    for name, groups in case.used_tables().items():
        table = case.named_table(name)
        for group in case.groups(groups):
            if not any(group.number in row for row in table.prices.values()):
                continue  # group-price says so
            gaps = [r for r in case.runs() if fare(table.prices, r, group.number) is None]
            if gaps:
                shown = ", ".join(case.words(gap) for gap in gaps[:6])
                more = f" and {len(gaps) - 6} more" if len(gaps) > 6 else ""
                yield Problem(
                    ("prices", name, group.name),
                    f"no price of {name} for {group.name} holds {shown}{more}",
                    "every run of zones within a set that is sold",
                )


def group_price(case: Case) -> Iterator[Problem]:
    for key, product in case.products():
        table = case.table(product.prices)
        if table is None:
            continue
        priced = {group for row in table.prices.values() for group in row}
        for group in case.groups(product.groups):
            if group.number not in priced:
                yield Problem(
                    ("products", key, "groups"),
                    f"products.{key} admits {group.name}, prices.{table.name} has no row for it",
                    "a row for each group a product admits",
                )
        if product.companions_max:
            yield from _companion_prices(case, key, product, table, priced)


def _companion_prices(
    case: Case, key: str, product: m.Product, table: m.PriceTable, priced: set[int]
) -> Iterator[Problem]:
    oldest = max((group.age_class for group in case.groups(product.groups)), default=0)
    classes = range(m.CLASS_ADULT + 1 if product.companions == m.COMPANIONS_ANY else oldest + 1)
    for pays in sorted({case.book.class_group(age_class) for age_class in classes}):
        if pays not in priced:
            group = case.book.group(pays)
            yield Problem(
                ("products", key, "companions"),
                f"companions of products.{key} pay as {group.name if group else pays},"
                f" for whom prices.{table.name} has no row",
                "a row for each class of companions",
            )


def inversion_set(case: Case) -> Iterator[Problem]:
    for table in case.book.tables:
        for group in case.book.groups:
            priced = {
                s: row[group.number] for s, row in table.prices.items() if group.number in row
            }
            for small, price in priced.items():
                for large, other in priced.items():
                    if small != large and small & ~large == 0 and other < price:
                        yield Problem(
                            ("prices", table.name, group.name),
                            f"{table.name} {group.name}: {case.words(large)} costs"
                            f" {case.money(other)}, its part {case.words(small)} costs"
                            f" {case.money(price)}",
                            "a set never cheaper than a part of it",
                            {
                                "prices": (table.name,),
                                "groups": (group.name,),
                                "zones": (case.words(large), case.words(small)),
                            },
                        )


def inversion_group(case: Case) -> Iterator[Problem]:
    plain = [group for group in case.book.groups if not group.concession]
    pairs = [(a, b) for a in plain for b in plain if a.age_class < b.age_class]
    for table in case.book.tables:
        layers = [table.prices, *(when.prices for when in table.when)]
        for young, old in pairs:
            found = []
            for mask in table.prices:
                for layer in layers:
                    row = {**table.prices[mask], **layer.get(mask, {})}
                    low, high = row.get(young.number), row.get(old.number)
                    if low is not None and high is not None and low > high:
                        found.append(
                            f"{case.words(mask)}: {young.name} {case.money(low)},"
                            f" {old.name} {case.money(high)}"
                        )
            if found:
                more = f" and in {len(found) - 1} more" if len(found) > 1 else ""
                yield Problem(
                    ("prices", table.name, young.name),
                    f"{table.name} {found[0]}{more}",
                    "child at most youth at most adult",
                    {"prices": (table.name,), "groups": (young.name, old.name)},
                )


def split_cheaper(case: Case) -> Iterator[Problem]:
    for name in case.used_tables():
        table = case.named_table(name)
        for group in case.book.groups:
            yield from _splits(case, name, table.prices, group)
            for when in table.when:
                merged = {
                    mask: {**row, **when.prices.get(mask, {})} for mask, row in table.prices.items()
                }
                if any(group.number in row for row in when.prices.values()):
                    yield from _splits(case, name, merged, group)


def _splits(
    case: Case, name: str, prices: dict[int, dict[int, int]], group: m.Group
) -> Iterator[Problem]:
    for size in range(2, len(case.book.zones) + 1):
        splits = [
            split
            for whole in case.authored.zones.run_of(size)
            for cut in range(1, size)
            if (split := _split(case, prices, group.number, whole, cut)) is not None
        ]
        if splits:
            _gain, _first, words = max(splits, key=lambda split: (split[0], -split[1]))
            yield Problem(
                ("prices", name, group.name),
                f"{name} {group.name}: {words}",
                f"{size} zones at most the price of their parts",
                {"prices": (name,), "groups": (group.name,), "sizes": (size,)},
            )


def _split(
    case: Case, prices: dict[int, dict[int, int]], group: int, whole: int, cut: int
) -> tuple[int, int, str] | None:
    """Return (cents gained, cut, words) where a run is cheaper in two, cut after `cut` zones."""
    # The first zone of a mask is its highest bit.
    first = whole & ~((1 << (whole.bit_length() - cut)) - 1)
    rest = whole & ~first
    price, one, two = (fare(prices, mask, group) for mask in (whole, first, rest))
    if price is None or one is None or two is None or price <= one + two:
        return None
    words = (
        f"{case.words(whole)} costs {case.money(price)}, in two journeys {case.words(first)}"
        f" {case.money(one)} + {case.words(rest)} {case.money(two)} = {case.money(one + two)}"
    )
    return price - one - two, cut, words


def upgrade_cheaper(case: Case) -> Iterator[Problem]:
    purses = [(k, p) for k, p in case.products() if p.kind == m.KIND_PURSE and not p.needs_pass]
    for (key, first), (other_key, second) in combinations(purses, 2):
        own, other = case.table(first.prices), case.table(second.prices)
        if own is None or other is None or own is other:
            continue
        for group in case.groups(first.groups & second.groups):
            found = _cheaper_in_two(case, own, other, group.number)
            found = found or _cheaper_in_two(case, other, own, group.number)
            if found:
                yield Problem(
                    ("products", other_key, "prices"),
                    f"{group.name}: {found}",
                    "a journey with its upgrade at least the direct fare",
                    {"products": (key, other_key), "groups": (group.name,)},
                )


def _cheaper_in_two(case: Case, own: m.PriceTable, other: m.PriceTable, group: int) -> str:
    for whole in case.runs():
        direct = [p for t in (own, other) if (p := fare(t.prices, whole, group)) is not None]
        if len(direct) < 2:
            continue
        for part in case.runs():
            rest = whole & ~part
            if part & ~whole or not rest:
                continue
            begin, then = fare(own.prices, part, group), fare(other.prices, rest, group)
            if begin is not None and then is not None and begin + then < min(direct):
                return (
                    f"{case.words(whole)} costs {case.money(min(direct))}, {own.name}"
                    f" {case.words(part)} {case.money(begin)} and then {other.name}"
                    f" {case.words(rest)} {case.money(then)} = {case.money(begin + then)}"
                )
    return ""


def product_price(case: Case) -> Iterator[Problem]:
    """A product without its table is found while reading; here the tables no product names."""
    sold_elsewhere = {
        name
        for row in case.values.get("load", {}).values()
        for name in row.get("prices", {}).values()
    }
    derived_from = {
        table["derive"]["from"]
        for table in case.values.get("prices", {}).values()
        if "derive" in table
    }
    for name in case.values.get("prices", {}):
        if name not in {*case.used_tables(), *sold_elsewhere, *derived_from}:
            yield Problem(
                ("prices", name),
                f"no product is priced by prices.{name}",
                "a product, a load rule or a derived table that uses it",
                {"prices": (name,)},
                "warning",
            )


def cap_threshold(case: Case) -> Iterator[Problem]:
    for key, product in case.products():
        own, limit = case.table(product.prices), None
        if product.cap is None or own is None:
            continue
        limit = case.table(product.cap.table)
        assert limit is not None
        for group in case.groups(product.groups):
            for run in case.runs():
                price = fare(own.prices, run, group.number)
                threshold = fare(limit.prices, run, group.number)
                path = ("products", key, "cap", "threshold")
                words = f"{limit.name} for {group.name} in {case.words(run)}"
                if threshold is None:
                    yield Problem(path, f"no price of {words}", "one for each set and group")
                    break
                if price is not None and threshold < price:
                    low, one = case.money(threshold), case.money(price)
                    said = f"{words} is {low}, below one fare of {one}"
                    yield Problem(path, said, "a threshold of at least one fare")
                    break


def money_width(case: Case) -> Iterator[Problem]:
    for key, product in case.products():
        table = case.table(product.prices)
        if table is None:
            continue
        dearest = _dearest(case, table, product.groups)
        if product.kind == m.KIND_PURSE:
            heads = 1 + product.companions_max
            night = sum(
                s.cents * (heads if s.per_person else 1)
                for s in case.book.surcharges
                if s.on & m.ON_PURSE and product.surcharge
            )
            if dearest * heads + night > AMOUNT_MAX:
                yield Problem(
                    ("products", key, "companions"),
                    f"{heads} persons of products.{key} may cost"
                    f" {case.money(dearest * heads + night)}",
                    f"at most {case.money(AMOUNT_MAX)}: a debit on the card has 16 bits",
                )
        else:
            yield from _price_width(case, key, product, dearest)
    for channel in case.values.get("load", {}):
        most = max(load.maximum for load in case.book.load if load.channel == channel)
        if most > AMOUNT_MAX:
            said = f"load.{channel} fills a purse to {case.money(most)}"
            yield Problem(("load", channel, "max"), said, f"at most {case.money(AMOUNT_MAX)}")


def _dearest(case: Case, table: m.PriceTable, groups: int) -> int:
    layers = [table.prices, *(when.prices for when in table.when)]
    prices = [
        cents
        for layer in layers
        for row in layer.values()
        for group, cents in row.items()
        if groups >> group & 1
    ]
    return max(prices, default=0)


def _price_width(case: Case, key: str, product: m.Product, dearest: int) -> Iterator[Problem]:
    span = case.values["products"][key].get("span", {})
    per = span.get("per_days", span.get("per_hours"))
    price = -(-dearest * product.days[1] // per) if per else dearest
    is_tourist = product.media == 1
    most = TOURIST_PRICE_MAX if is_tourist else PRICE_MAX
    if price > most and not (is_tourist and not product.refund.allowed):
        yield Problem(
            ("products", key, "prices"),
            f"products.{key} may cost {case.money(price)}",
            f"at most {case.money(most)}: more does not fit its field on the card",
        )


def rounding(case: Case) -> Iterator[Problem]:
    for derived in case.authored.derived:
        if derived.listed is not None and derived.listed != derived.cents:
            yield Problem(
                ("prices", derived.table, derived.group),
                f"{derived.table} {derived.group} {case.words(derived.mask)}:"
                f" {derived.words(case.book.decimals)}, listed {case.money(derived.listed)}",
                "the listed price and the rule to agree",
                {"prices": (derived.table,), "groups": (derived.group,)},
            )
