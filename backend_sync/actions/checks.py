"""Whether a card may be sold an action: known, not blocked, an amount its channel may load.

Source: requirements W-65, W-66, W-67; issue of money: what is refused changes nothing.
"""

from collections.abc import Mapping

from backend_sync.actions.desk import ActionRefused, Order
from backend_sync.actions.limits import CHANNELS, limits_of, tariff_at, why_not
from backend_sync.ledger.listing import DISMISSED, LISTED
from backend_sync.storage.database import Database
from card_layouts.cards.card_layout import P_SLOT_BYTES, S
from card_layouts.codec.timestamps import SECOND_MAX, day_of
from card_layouts.fares.mounted import Tariff
from card_layouts.records.entries_service import ACT_LOAD, ACT_PRODUCT, ACT_UNBLOCK

AMOUNT_MAX = 65_535  # of a line, cents
SLOTS = 4


def check(
    database: Database, tariffs: Mapping[tuple[int, int], Tariff], order: Order, now: int
) -> None:
    """Raise ActionRefused unless this order may be sold."""
    rows = database.rows("SELECT issuer, issued, b FROM cards WHERE id = ?", (order.card,))
    if not rows or not rows[0][1]:
        raise ActionRefused("card {card}: no such card is issued", card=order.card)
    issuer, _, generation = rows[0]
    head = head_of(database, order.card)
    if order.kind != ACT_UNBLOCK:
        _check_open(database, order.card, generation, head.get("u", 0))
    if order.channel not in CHANNELS:
        raise ActionRefused(f"channel {order.channel!r}: wanted one of {', '.join(CHANNELS)}")
    if not now < order.valid_to <= SECOND_MAX or order.valid_from > order.valid_to:
        raise ActionRefused(
            f"valid from {order.valid_from} to {order.valid_to}: it is {now} s since 2020,"
            " wanted an end after that"
        )
    if not 0 <= order.cents <= AMOUNT_MAX:
        raise ActionRefused(f"{order.cents} cents: wanted 0 to {AMOUNT_MAX}")
    if order.kind == ACT_LOAD:
        group = _group(head, now)
        _check_load(tariff_at(tariffs, issuer, now), issuer, group, order)
    if order.kind == ACT_PRODUCT and (
        not 0 <= order.slot < SLOTS or len(order.what) != P_SLOT_BYTES + 1
    ):
        raise ActionRefused(
            f"product: slot {order.slot} and {len(order.what)} bytes, wanted slot 0 to {SLOTS - 1}"
            f" and {P_SLOT_BYTES + 1} bytes"
        )
    if order.kind == ACT_UNBLOCK and order.cents:
        raise ActionRefused("unblock: nothing is paid for it, wanted 0 cents")


def group_of(database: Database, card: int, now: int) -> int:
    """Return the group whose prices and limits a card has now; 0 when its own has ended."""
    return _group(head_of(database, card), now)


def _group(head: Mapping[str, int], now: int) -> int:
    return head.get("group", 0) if day_of(now) <= head.get("group_until", 0) else 0


def _check_open(database: Database, card: int, generation: int, forgiven: int) -> None:
    if generation > forgiven:
        raise ActionRefused(
            "card {card} is blocked: money on it could not be used", "blocked", card=card
        )
    listed = database.rows(
        "SELECT decision FROM listing_decisions WHERE card = ? AND decision <> ?"
        " ORDER BY id DESC LIMIT 1",
        (card, DISMISSED),
    )
    if listed and listed[0][0] == LISTED:
        sentence = "card {card} is on the hotlist: money on it could not be used"
        raise ActionRefused(sentence, "listed", card=card)


def _check_load(tariff: Tariff | None, issuer: int, group: int, order: Order) -> None:
    if tariff is None:
        sentence = "authority {authority} has published no tariff: no limits for a load"
        raise ActionRefused(sentence, "tariff", authority=issuer)
    wrong = why_not(limits_of(tariff, order.channel, group), order.channel, order.cents)
    if wrong:
        raise ActionRefused(wrong, "amount").told_as(
            "this amount is not loaded here: the tariff says which are"
        )


def head_of(database: Database, card: int) -> dict[str, int]:
    """Return S of a card as its last audit left it, else as its delivery was given it."""
    rows = database.rows("SELECT head FROM holdings WHERE card = ?", (card,)) or database.rows(
        "SELECT b.head FROM issues i JOIN batches b ON b.authority = i.authority"
        " AND b.batch = i.batch WHERE i.card = ?",
        (card,),
    )
    return dict(S.unpack(bytes(rows[0][0]))) if rows else {}
