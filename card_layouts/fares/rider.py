"""Who: the rider's group today, and the companions he pays for (M8).

Companions are priced by age class only, never by the holder's concession.
Source: tariff-model.md section 3.2, step 3; W-43 to W-46, W-62, W-88.
"""

from card_layouts.fares import sections as s
from card_layouts.fares.inputs import (
    C_CONCESSION,
    C_CONCESSION_UNTIL,
    C_GROUP,
    C_GROUP_UNTIL,
    C_PURSE_COMPANIONS,
    T_ADULTS,
    T_CHILDREN,
    T_YOUTHS,
)

CLASS_CHILD, CLASS_YOUTH, CLASS_ADULT = 0, 1, 2


def read_rider(t, card):
    """Set the rider's group and age class; the service day of the reading L - 5 decides."""
    group = card[C_GROUP]
    until = card[C_GROUP_UNTIL]
    if until and t.days[1] > until:
        group = _group_field(t, group, 1)
    until = card[C_CONCESSION_UNTIL]
    if card[C_CONCESSION] and until and t.days[1] > until and _group_field(t, group, 3):
        group = _group_field(t, group, 0)
    if _group_field(t, group, 2) == s.NONE:
        group = t.resident[t.book_at + s.BOOK_CLASS + CLASS_ADULT]
    set_group(t, group)


def set_group(t, group):
    """Price the holder as `group` from here on."""
    t.group = group
    t.full_group = _group_field(t, group, 0)
    t.age_class = _group_field(t, group, 2)
    t.concession = _group_field(t, group, 3)
    t.payer = _group_field(t, group, 4 + t.book)


def _group_field(t, group, field):
    """Return a byte of a group's record; 255 for a group that the package lacks."""
    if group >= t.columns:
        return s.NONE
    return t.resident[t.groups_at + 8 * group + field]


def named_party(t, tap):
    """Set the companions named on the tap; return whether any were."""
    t.adults = t.youths = t.children = 0
    if tap[T_ADULTS] >= 0:
        t.adults = tap[T_ADULTS]
        t.youths = tap[T_YOUTHS]
        t.children = tap[T_CHILDREN]
    t.heads = t.adults + t.youths + t.children
    return tap[T_ADULTS] >= 0


def unnamed_heads(t, card):
    """Return the companions of a tap that names none: the card's default party.

    In an open journey at most as many as it covers: nobody pays for heads he did not choose.
    """
    heads = card[C_PURSE_COMPANIONS]
    return t.covered if t.open and t.covered < heads else heads


def default_party(t, heads):
    """Set `heads` companions of the holder's own age class."""
    t.adults = heads if t.age_class == CLASS_ADULT else 0
    t.youths = heads if t.age_class == CLASS_YOUTH else 0
    t.children = heads if t.age_class == CLASS_CHILD else 0
    t.heads = heads


def admits_party(t, product):
    """Return whether `product` may pay for the companions of this tap."""
    if not t.heads:
        return True
    policy = product[s.P_COMPANIONS]
    if policy == s.COMPANIONS_NONE or t.heads > product[s.P_COMPANIONS_MAX]:
        return False
    if policy == s.COMPANIONS_ANY:
        return True
    if t.adults and t.age_class < CLASS_ADULT or t.youths and t.age_class < CLASS_YOUTH:
        return False
    if policy == s.COMPANIONS_YOUNGER:
        return True
    if t.age_class == CLASS_ADULT:
        return t.adults == t.heads
    return (t.youths if t.age_class == CLASS_YOUTH else t.children) == t.heads
