"""What a transit card says in a few lines: whose, how much, which rights, blocked or not; and the
rules that tie its files together, each checked.

Source: SPEC.md section 2; rules I1..I15 of trust.md. h needs the keys of the devices that wrote:
the ledger checks it.
"""

from dataclasses import dataclass, field
from typing import Any

from card_layouts.cards.card_layout import FILE_A, FILE_C, FILE_V, M_EMPTY, M_TIMED
from card_layouts.cards.card_number import card_number
from card_layouts.cards.counter import COUNTER_START, KILLED_B, counter_b_n
from card_layouts.cards.transit_record import SUM_MASK
from card_layouts.errors import LayoutError
from card_layouts.fares.clock import end_minute
from edge_agent.counter.card_contents import CardApplication
from edge_agent.counter.explain_fields import (
    KINDS,
    MECHANISMS,
    at_second,
    cents,
    in_month,
    on_day,
    zones,
)
from edge_agent.counter.explain_page import OPEN, WRONG, Section

ACTION_MASK = (1 << 12) - 1
Values = dict[str, Any]


@dataclass
class Fields:
    """The fields of a card as far as they could be read: S, rights of P, T, records of G."""

    head: Values | None = None
    rights: list[Values] = field(default_factory=list)
    usage: Values | None = None
    records: list[Values] = field(default_factory=list)

    @property
    def newest(self) -> Values | None:
        """The newest record."""
        return self.records[-1] if self.records else None


def summary(app: CardApplication, fields: Fields) -> Section:
    """Return the section that comes first."""
    section = Section("What this card says", "rules of SPEC.md section 2", derived=True)
    purse, counter, actions = (_value(app, number) for number in (FILE_V, FILE_C, FILE_A))
    if fields.head is not None:
        _holder(section, fields.head)
    if purse is not None:
        section.add("balance", "", cents(purse))
    if counter is not None:
        _state(section, counter, fields)
    for index, right in enumerate(fields.rights):
        if right["mechanism"] != M_EMPTY:
            section.add(f"right {index}", "", _right(right) + _use(fields, index))
    if fields.newest is not None:
        section.add("last record", "", _last(fields.newest))
        _money_rules(section, purse, actions, fields.newest)
    if counter is not None and fields.newest is not None:
        _counter_rule(section, counter, fields.newest)
    _usage_rules(section, fields)
    if fields.records:
        section.remark(OPEN, "h is not checked here: it needs the writers' keys (the ledger)")
    return section


def _value(app: CardApplication, number: int) -> int | None:
    file = app.file(number)
    return None if file is None else file.value


def _holder(section: Section, head: Values) -> None:
    section.add("card number", "", card_number(head["authority"], head["serial"]))
    section.add("issued", "", on_day(head["issued"]))
    section.add("expires", "", in_month(head["expires"]))


def _state(section: Section, value: int, fields: Fields) -> None:
    try:
        b, n = counter_b_n(value)
    except LayoutError as error:
        section.remark(WRONG, str(error))
        return
    if b == KILLED_B:
        section.add("state", "", "KILLED: C = 0, every validator refuses it [I15]")
        return
    if fields.head is None:
        section.add("state", "", f"b = {b}; without S nobody can say whether that is blocked")
    elif b > fields.head["u"]:
        section.add("state", "", f"BLOCKED: b = {b} > u = {fields.head['u']} [I15]")
    else:
        section.add("state", "", f"not blocked: b = {b}, u = {fields.head['u']} [I15]")
    section.add("transactions", "", str(n))


def _right(right: Values) -> str:
    kind = MECHANISMS.get(right["mechanism"], str(right["mechanism"]))
    span = f"{on_day(right['first_day'])} to {on_day(right['last_day'])}"
    return f"{kind}, product {right['product']}, {zones(right['zones'])}, {span}"


def _use(fields: Fields, index: int) -> str:
    """Return since when a right is in use, or nothing if that is not known or not so."""
    if fields.usage is None or fields.head is None or not fields.usage[f"t_start{index}"]:
        return ""
    if fields.usage[f"t_k{index}"] != fields.head[f"d_k{index}"]:
        return "; not used yet"
    if fields.head[f"d_mechanism{index}"] == M_TIMED:
        end = end_minute(fields.usage[f"t_start{index}"], fields.usage[f"t_cents{index}"])
        return f"; in use to {at_second(60 * end)}"
    since, days = on_day(fields.usage[f"t_start{index}"]), fields.usage[f"t_length{index}"]
    return f"; in use since {since} for {days} days"


def _last(newest: Values) -> str:
    kind = KINDS.get(newest["kind"], f"kind {newest['kind']}")
    when, device = at_second(newest["time"]), newest["device"]
    return f"{kind} {cents(newest['amount'])}, {when}, device {device}"


def _money_rules(section: Section, purse: int | None, actions: int | None, newest: Values) -> None:
    if purse is not None:
        # I5: the card's own proof of its balance, written by whoever charged or loaded.
        wanted = (newest["L"] - newest["D"]) & SUM_MASK
        sums = f"{cents(newest['L'])} - {cents(newest['D'])}"
        section.check(
            wanted == purse,
            f"L - D = V: {sums} = {cents(wanted)} [I5]",
            f"L - D is {sums} = {cents(wanted)}, V holds {cents(purse)} [I5]",
        )
    if actions is not None:
        a = COUNTER_START - actions
        section.check(
            newest["a"] == a & ACTION_MASK,
            f"the newest record's a is that of file A: {a} [I11]",
            f"file A says a = {a}, the newest record {newest['a']} (mod 4096) [I11]",
        )


def _counter_rule(section: Section, value: int, newest: Values) -> None:
    try:
        b, n = counter_b_n(value)
    except LayoutError:
        return  # said with the state
    if b == KILLED_B:
        section.check(
            newest["b"] == KILLED_B,
            f"the newest record, n = {newest['n']}, is that of the kill [I15]",
            f"the newest record says b = {newest['b']}: C fell to 0 without a record [I15]",
        )
        return
    section.check(
        (newest["n"], newest["b"]) == (n, b),
        f"the newest record is that of the counter: n = {n}, b = {b} [I1]",
        f"C says n {n}, b {b}; the newest record n {newest['n']}, b {newest['b']} [I1]",
    )


def _usage_rules(section: Section, fields: Fields) -> None:
    if fields.usage is None or fields.head is None:
        return
    for index in range(len(fields.rights)):
        if fields.head[f"d_mechanism{index}"] == M_EMPTY or not fields.usage[f"t_start{index}"]:
            continue
        section.check(
            fields.usage[f"t_k{index}"] == fields.head[f"d_k{index}"],
            f"usage row {index} belongs to right {index}: t_k = d_k",
            f"usage row {index} is of an earlier sale and does not count: t_k is not d_k",
        )
