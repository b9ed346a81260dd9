"""The tables of actions: what was ordered, as which action of its card, and which lists told of it.

An action is ordered once. It stands as line (k, version) of its card; a higher version of the same
k says NOTHING in its stead, and an action whose k something else has used gets another k: each of
these is a row of `action_lines`, and none of them ever changes. `action_dropped`,
`action_carriers`, `action_leases` and `action_states` are worked out from the rest.
Source: trust.md 4.5; decisions.md D9.
"""

from sqlalchemy import Column, ForeignKey, PrimaryKeyConstraint, SmallInteger, Table
from sqlalchemy import UniqueConstraint as Unique

from backend_sync.ledger.append_only import append_only
from backend_sync.storage.columns import (
    Big,
    bytes_column,
    id_column,
    metadata,
    number_column,
    word_column,
)

KEY_LENGTH = 64

actions = append_only(
    Table(
        "actions",
        metadata,
        id_column(),  # 30 bits, from FIRST_ACTION on: counters number theirs below
        word_column("key", KEY_LENGTH),  # the channel's own: sent again, it is one order
        Column("card", Big, ForeignKey("cards.id"), nullable=False, index=True),
        number_column("kind"),  # ACT_... of entries_service.py
        number_column("cents"),  # paid, and loaded if it is a load
        number_column("slot"),  # of P, for a product
        bytes_column("what"),  # a product's P slot and J copy, 25 B; empty for others
        word_column("channel", 16),
        number_column("valid_from"),  # s since 2020
        number_column("valid_to"),
        word_column("reason", 64),
        number_column("received"),
        Unique("key"),
    )
)

action_cancels = append_only(
    Table(
        "action_cancels",
        metadata,
        Column("action", Big, ForeignKey("actions.id"), primary_key=True, autoincrement=False),
        word_column("reason", 64),
        number_column("received"),
    )
)

action_lines = append_only(
    Table(
        "action_lines",
        metadata,
        id_column(),
        Column("action", Big, ForeignKey("actions.id"), nullable=False, index=True),
        Column("card", Big, ForeignKey("cards.id"), nullable=False),
        number_column("k"),
        number_column("version"),
        number_column("kind"),  # the action's, or ACT_NOTHING
        number_column("valid_to"),
        Unique("card", "k", "version"),
    )
)

action_lists = append_only(
    Table(
        "action_lists",
        metadata,
        id_column(),  # the version, of every authority's list alike
        number_column("generation"),  # of K_act
        number_column("made"),
    )
)

action_listed = append_only(
    Table(
        "action_listed",
        metadata,
        Column("line", Big, ForeignKey("action_lines.id"), primary_key=True, autoincrement=False),
        Column("list", Big, ForeignKey("action_lists.id"), nullable=False),  # the first with it
    )
)

action_carriers = Table(  # devices that may hold lists, and until when they may use them
    "action_carriers",
    metadata,
    number_column("device"),
    number_column("epoch"),
    number_column("first_list"),
    number_column("last_list"),
    number_column("leased_to"),  # end of the longest lease that went out, s since 2020
    PrimaryKeyConstraint("device", "epoch"),
)

action_states = Table(
    "action_states",
    metadata,
    Column("action", Big, ForeignKey("actions.id"), primary_key=True, autoincrement=False),
    word_column("state"),
    number_column("entry", null=True),  # the ACTION entry that did it
    Column("ended", SmallInteger, nullable=False),  # 1 = looked at again only when entries come
    number_column("seen"),  # the highest ACTION entry that was looked at
)

action_dropped = Table(  # lines that the newest list does not have any more
    "action_dropped",
    metadata,
    Column("line", Big, ForeignKey("action_lines.id"), primary_key=True, autoincrement=False),
    number_column("list"),  # the first one without it
)

action_leases = Table(  # leases that went out, but those that their device says it has replaced
    "action_leases",
    metadata,
    number_column("device"),
    number_column("epoch"),
    number_column("lease"),
    number_column("oldest"),  # LEASE.v_actions: with this lease a device refuses older lists
    number_column("leased_to"),
    PrimaryKeyConstraint("device", "epoch", "lease"),
)

ACTION_TABLES = (
    *(actions, action_cancels, action_lines, action_lists, action_listed),
    *(action_carriers, action_states),
)
ACTION_LEASES = (action_dropped, action_leases)
