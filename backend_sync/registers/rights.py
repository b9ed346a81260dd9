"""Roles, rights, and the one question everybody asks: may this user do this to what belongs there?

Both lists are closed and meant to grow (W-9): a new right or role is a row here and nothing else.
A role says which rights a user of it *can* be given; each user has his own of them (W-11), and a
scope outside of which he neither sees nor changes anything (W-10). Pure.
Source: W-8..W-11, O-18, C-1, R-1..R-20; X-14; trust.md section 5.
"""

from typing import NamedTuple

# right, what its holder may do
RIGHTS = (
    ("own.see", "see what was done with one's own card or shift"),
    ("cards.see", "see where cards are, and what was done with them"),
    ("cards.deliver", "register deliveries of the supplier"),
    ("cards.move", "move cards between supplier, stock and points; mass distribution"),
    ("cards.serve", "hand cards out and take them back at a point"),
    ("cards.report", "say that cards are lost, found or damaged"),
    ("cards.block", "block and unblock cards"),
    ("cards.kill", "take cards out of use for ever"),
    ("places.change", "open points and set reorder limits"),
    ("names.change", "say what operators, devices and authorities are called"),
    ("users.see", "see users and their rights"),
    ("users.change", "add and disable users, set secrets"),
    ("users.grant", "give and take rights"),
    ("trail.see", "read the audit trail"),
    ("tariffs.change", "zones, tariffs, stops, routes, timetables"),
    ("operating.change", "stops, routes, timetables and blocks of one's own lines"),
    ("sales.make", "sell tickets, load cards"),
    ("sales.settle", "settle what one sold"),
    ("cash.take", "count the cash of drivers and conductors, and take it in"),
    ("sales.see", "see sales and settlements"),
    ("usage.see", "see usage events and reports"),
    ("reports.make", "save queries of one's own, and schedule them"),
    ("reports.approve", "put another person's query in production; release public statistics"),
    ("settlement.close", "close service days, make invoices"),
    ("customers.see", "see customers"),
    ("customers.change", "create and change customers, check identity and municipality"),
    ("customers.erase", "forget a customer for ever"),
    ("links.ask", "put a question about a customer's card to the link service"),
    ("links.approve", "agree to another person's question about a fraud"),
    ("links.audit", "read who asked the link service what"),
    ("refunds.propose", "ask for a refund above the limit"),
    ("refunds.approve", "agree to another person's refund"),
    ("hotlist.propose", "ask for a large hotlist"),
    ("hotlist.approve", "agree to another person's hotlist"),
    ("keys.propose", "ask for the use of a key"),
    ("keys.approve", "agree to another person's use of a key"),
    ("devices.change", "provision devices, refuse lost ones"),
    ("devices.lend", "lend devices for a shift, and take them back"),
    ("drivers.pins", "give drivers their PINs, change and withdraw them"),
    ("depot.exchange", "exchange tariffs, operating data and entries with depot systems"),
    ("services.authorise", "authorise services on devices one sold"),
    ("services.block", "block services of a distributor's devices"),
)
NAMES = tuple(name for name, _ in RIGHTS)


class Role(NamedTuple):
    """What users of a role can be given, and what each of them is bound to."""

    name: str
    source: str
    bound_to: tuple[str, ...]  # fields of Scope that its users must have
    rights: tuple[str, ...]


_POINT = ("cards.see", "cards.serve", "cards.report", "sales.make", "sales.settle", "own.see")
_SELLER = ("own.see", "sales.make", "sales.settle")
_SERVICE = (*_POINT, "cards.block", "customers.see", "customers.change", "customers.erase",
            "links.ask", "refunds.propose", "hotlist.propose")  # fmt: skip
_REPORTS = ("sales.see", "usage.see")
# What runs a scheme of several authorities, and not an authority's own work.
_NOT_OF_AN_AUTHORITY = ("keys.", "services.")
ROLES = (
    Role("passenger", "W-8", ("person",), ("own.see",)),
    Role("driver", "W-8", ("authority", "operator", "person"), _SELLER),
    Role("operator", "W-8; R-8 carrier", ("authority", "operator"),
         (*_REPORTS, "operating.change", "devices.lend", "drivers.pins", "depot.exchange",
          "cash.take", "users.see", "users.change", "users.grant", "trail.see")),
    Role("sales point", "W-8; R-9", ("authority", "point"), _POINT),
    Role("authority", "W-8; R-1 client", ("authority",),
         tuple(name for name in NAMES if not name.startswith(_NOT_OF_AN_AUTHORITY))),
    Role("service point", "W-8", ("authority", "point"), _SERVICE),
    Role("technical support", "W-8", (),
         ("cards.see", "cards.deliver", "cards.move", "keys.propose", "keys.approve",
          "devices.change", "users.see", "users.change", "users.grant", "trail.see")),
    Role("customer support", "W-8", (), ("cards.see", "cards.report", "users.see", "links.ask")),
    Role("data protection officer", "W-147", ("authority",), ("trail.see", "links.audit")),
    Role("skier", "O-18", ("person",), ("own.see",)),
    Role("station", "O-18", ("authority", "operator"), (*_REPORTS, "sales.make", "sales.settle")),
    Role("consortium", "O-18", ("authority",), (*_REPORTS, "tariffs.change", "settlement.close")),
    Role("region", "O-18", ("authority",), _REPORTS),
    Role("card circuit", "O-18", (), ("sales.see",)),
    Role("online shop", "O-18; W-142", ("authority", "point"),
         ("own.see", "sales.make", "sales.settle")),
    Role("end customer", "C-1", ("person",), ("own.see",)),
    Role("brand", "C-1", ("authority",), ("services.block", "usage.see")),
    Role("distributor", "C-1", ("authority", "operator"), ("services.authorise", "usage.see")),
    Role("card maker", "R-1", ("authority",), ("cards.deliver",)),
    Role("issuing centre", "R-2", ("authority",),
         ("cards.see", "cards.deliver", "cards.move", "cards.report", "cards.block", "cards.kill",
          "places.change", *_REPORTS, "hotlist.propose", "refunds.propose")),
    Role("conductor", "R-20", ("authority", "operator", "person"), _SELLER),
    Role("dispatch point", "R-15", ("authority", "operator"),
         ("devices.lend", "drivers.pins", "cash.take", *_REPORTS)),
    Role("transaction processing", "R-16", ("authority",), _REPORTS),
    Role("tariff department", "R-16", ("authority",), (*_REPORTS, "tariffs.change")),
    Role("accountant", "R-8", ("authority",),
         (*_REPORTS, "settlement.close", "refunds.approve", "trail.see")),
)  # fmt: skip


class Scope(NamedTuple):
    """Whom a thing belongs to, or what a user is bound to; 0 and "" = to none of them."""

    authority: int = 0
    operator: int = 0
    point: str = ""
    person: str = ""


class User(NamedTuple):
    """One account, without its secret."""

    name: str
    role: str
    scope: Scope
    rights: frozenset[str]
    disabled: bool = False


def may(user: User, right: str, scope: Scope) -> bool:
    """Say whether `user` may use `right` on what belongs to `scope`.

    A user bound to a point has no right over what belongs to no point, and so for each bond.
    """
    role = role_of(user.role)
    return (
        not user.disabled
        and role is not None
        and right in user.rights
        and right in role.rights
        and all(getattr(user.scope, bond) for bond in role.bound_to)
        and covers(user.scope, scope)
    )


def at_hand(user: User, authority: int) -> Scope:
    """Return the scope of an authority's affairs where this user works: his operator, his point."""
    return Scope(authority, user.scope.operator, user.scope.point)


def covers(own: Scope, other: Scope) -> bool:
    """Say whether everything in `other` lies within `own`."""
    return all(mine in (0, "", theirs) for mine, theirs in zip(own, other, strict=True))


def role_of(name: str) -> Role | None:
    return next((role for role in ROLES if role.name == name), None)
