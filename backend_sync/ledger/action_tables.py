"""What entries tell of actions: announced ones, how many a card did, how far devices are.

Whether an announced action counts is said by the resolutions of its pending. Source: trust.md 4.5.
"""

from sqlalchemy import Column, ForeignKey, Index, PrimaryKeyConstraint, Table

from backend_sync.ledger.append_only import append_only
from backend_sync.storage.columns import Big, metadata, number_column

action_entries = append_only(
    Table(
        "action_entries",
        metadata,
        # The number of its ACTION entry and of its pending.
        Column("id", Big, ForeignKey("entries.id"), primary_key=True, autoincrement=False),
        Column("card", Big, ForeignKey("cards.id"), nullable=False, index=True),
        number_column("k"),  # the card's action number
        number_column("version"),
        number_column("kind"),  # ACT_... of entries_service.py
        number_column("action"),
        number_column("at"),  # device time, s since 2020
        Index(None, "action"),
    )
)

card_actions = Table(  # how many actions each card was seen to have done
    "card_actions",
    metadata,
    Column("card", Big, ForeignKey("cards.id"), primary_key=True, autoincrement=False),
    number_column("a"),
)

card_sightings = Table(  # the newest tap of each card that is held here, refused ones too
    "card_sightings",
    metadata,
    Column("card", Big, ForeignKey("cards.id"), primary_key=True, autoincrement=False),
    number_column("at"),  # device time, never after its arrival; s since 2020
)

device_times = Table(  # the newest entry of each device that tells a time
    "device_times",
    metadata,
    number_column("device"),
    number_column("epoch"),
    number_column("seq"),
    number_column("at"),
    PrimaryKeyConstraint("device", "epoch"),
)

device_leases = Table(  # the newest lease that each device says it has switched to
    "device_leases",
    metadata,
    number_column("device"),
    number_column("epoch"),
    number_column("seq"),  # the entry that says so
    number_column("lease"),
    PrimaryKeyConstraint("device", "epoch"),
)

earlier_leases = Table(  # by which devices may carry out lists that these books have forgotten
    "earlier_leases",
    metadata,
    number_column("device"),
    number_column("epoch"),
    number_column("lease"),  # the highest number
    number_column("leased_to"),  # the latest end, s since 2020
    PrimaryKeyConstraint("device", "epoch"),
)

ACTION_EVIDENCE = (action_entries, card_actions, device_times)
FORGOTTEN_LISTS = (card_sightings, device_leases, earlier_leases)
