"""What was bought elsewhere gets onto the card at its next tap here: the action list's half.

    lines of this card -> k = a + 1? -> AUTH(K2) -> A = k - 1? -> carry_out -> next ... -> AUTH(K1)

The newest record's copy of `a` tells without an exchange whether anything waits; A itself decides.
One commit an action, its ACTION entry durable before it (card_writer.py); what is not known to have
happened ends the tap, and its fare is not begun. Nothing is pending when a key is proved (D5): each
action is committed, refused by the card (which drops what was staged), or the tap is over.
Loaded for such a card only: in the image a module of its own. Source: trust.md 4.5, I11; D9.
"""

from card_layouts.answers import LOAD_AGAIN, TAP_AGAIN
from card_layouts.cards.card_layout import (
    COUNTER_START,
    FILE_A,
    K1,
    K2,
    P_SLOT_BYTES,
    G,
    S,
)
from card_layouts.cards.conversation import CardStatusError
from card_layouts.cards.transit_record import ACTION_MASK
from card_layouts.errors import LayoutError, SealError
from card_layouts.packages.actions import ACTION_ENTRY, open_action
from card_layouts.records.entries_service import (
    ACT_ADJUST,
    ACT_LOAD,
    ACT_NOTHING,
    ACT_PRODUCT,
    ACT_UNBLOCK,
)
from card_layouts.records.entries_tap import PHASE_DECIDE
from firmware.card_writer import COMMITTED, NOT_SENT
from firmware.station_services import (
    Adjust,
    Load,
    Nothing,
    Order,
    Product,
    Unblock,
    carry_out,
    reason_of,
)
from firmware.tap_card import prove

ACTIONS_PER_TAP = 4
DONE = "done"  # of the "action" signal: all of this card's lines are on it
SERVICES = {ACT_LOAD: Load, ACT_UNBLOCK: Unblock, ACT_ADJUST: Adjust, ACT_NOTHING: Nothing}


def run_actions(tap, seen, blocked):
    """Carry out what waits for the card seen; return 0 when the tap goes on, else its answer.

    Shape: a conversation in a session of K1, in which it ends as well. `blocked`: only a block may
    be lifted. The card's lines are tap.lines from number tap.first on.
    """
    seen.phase = PHASE_DECIDE
    source = {"list": tap.actions.version, "generation": tap.actions.generation}
    proved = False
    for _ in range(ACTIONS_PER_TAP):
        try:
            line = _waiting(tap, seen)
        except (LayoutError, SealError):
            tap.drop_actions()
            break
        service = _service(tap, seen, line, blocked)
        if service is None:
            break
        try:
            if not proved:
                yield from service.survey(tap.session, seen)
            reason = service.refusal(seen)
            if reason:
                _refuse(tap, seen, reason)
                break
            if not proved:
                proved = True
                if (yield from _actions_done(tap, seen, line["K"])) != line["k"] - 1:
                    break  # the record's copy of a is not what the card counts
            cents = line["amount"]
            order = Order(line["action"], line["k"], line["version"], cents, line["channel"])
            known = yield from carry_out(tap, seen, order, service, source)
        except CardStatusError as error:
            seen.status = error.status
            _refuse(tap, seen, reason_of(error))
            break
        if known != COMMITTED:
            return TAP_AGAIN if known == NOT_SENT else LOAD_AGAIN
        _advance(seen, service)
        tap.tell(seen)
        blocked = blocked and seen.b > seen.head["u"]
    if proved:
        random_bytes = tap.entropy.random_bytes
        yield from prove(tap.session, seen, tap.keys, random_bytes, K1, seen.key_version)
    return 0


def _waiting(tap, seen):
    """Return the fields of the card's next action, None if none waits; K and what in clear."""
    wanted = (seen.newest["a"] + 1) & ACTION_MASK
    last = 0
    for number in range(tap.first, tap.first + tap.lines):
        line = tap.actions.line(number)
        last = ACTION_ENTRY.get(line, "k") & ACTION_MASK
        if last == wanted:
            return open_action(line, tap.actions.k_act)
    if last == seen.newest["a"] and not tap.told:
        tap.signals.signal("action", DONE)
    return None


def _service(tap, seen, line, blocked):
    """Return what does `line`, or None if it is not for now, for here, or for this device."""
    if line is None or line["key_bits"] or not tap.journal.admits_tap():
        return None
    if not line["valid_from"] <= seen.time <= line["valid_to"]:
        return None
    kind = line["kind"]
    service = None
    if blocked:
        service = Unblock() if kind == ACT_UNBLOCK else None
    elif kind == ACT_PRODUCT:
        what = line["what"]
        service = Product(line["slot"], what[:P_SLOT_BYTES], what[P_SLOT_BYTES] & 1)
    elif kind in SERVICES:
        service = SERVICES[kind]()
    lease = tap.lease
    if service is None or not lease.in_time(seen.time, seen.clock) or not lease.may(service.right):
        return None
    return service


def _actions_done(tap, seen, key):
    """Prove the card's K2 as the line has it; return A as a count."""
    yield from tap.session.authenticate(K2, key, tap.entropy.random_bytes(16))
    return COUNTER_START - (yield from tap.session.get_value(FILE_A))


def _refuse(tap, seen, reason):
    """Journal why an action was not carried out; it waits on, and the tap goes on."""
    tap.signals.signal("action", "refused %d" % reason)
    tap.refuse(seen, reason)


def _advance(seen, service):
    """Take what was just committed for what the card holds."""
    seen.record = service.record
    seen.newest = G.unpack(service.record)
    seen.n += 1
    seen.counter -= 1
    if service.head is not None:
        seen.head = S.unpack(service.head)
