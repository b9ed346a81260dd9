"""What became of an action: a function of the set of evidence, in whatever order it came.

    CREATED -> PUBLISHED -> EXECUTED | SUPERSEDED | EXPIRED

Between them stand the times in which nobody can know yet; no money goes back in these.
Source: trust.md 4.5; decisions.md D9.
"""

from backend_sync.actions.facts import Action, Facts, Told
from backend_sync.actions.holders import Line
from backend_sync.ledger.results import POSTED, VOIDED
from card_layouts.records.entries_service import ACT_NOTHING

CREATED = "CREATED"  # on no list yet
COUNTER = "COUNTER"  # lists are full: it can be had at a counter only
PUBLISHED = "PUBLISHED"
DISPLACED = "DISPLACED"  # something else used its action number: it gets another one
CONFIRMING = "CONFIRMING"  # announced by a device, and nobody knows yet whether it was done
UNCLEAR = "UNCLEAR"  # the card has done this number, and the journal that says what is not here
CANCELLING = "CANCELLING"  # withdrawn, but a device may still carry it out
EXPIRING = "EXPIRING"  # over, but a device may have carried it out in time
EXECUTED = "EXECUTED"
SUPERSEDED = "SUPERSEDED"  # withdrawn for certain: its money goes back
EXPIRED = "EXPIRED"  # over for certain: its money goes back
WAITING = (CREATED, COUNTER, PUBLISHED, DISPLACED)
UNSURE = (CONFIRMING, UNCLEAR, CANCELLING, EXPIRING)
ENDED = (EXECUTED, SUPERSEDED, EXPIRED)
STATES = (*WAITING, *UNSURE, *ENDED)


def state_of_action(facts: Facts, action: Action) -> tuple[str, Told | None]:
    """Return its state, and the entry that did it or is waited for."""
    own = [told for told in facts.told[action.card] if told.action == action.id]
    done = [told for told in own if told.state == POSTED]
    executed = [told for told in done if told.kind == action.kind]
    if executed:
        return EXECUTED, executed[0]
    waited = [told for told in own if told.state not in (POSTED, VOIDED)]
    if waited:
        return CONFIRMING, waited[0]
    if done and not facts.may_run_forgotten() and not facts.is_in_doubt(action.card):
        return SUPERSEDED, done[0]
    return _without_entries(facts, action), None


def _without_entries(facts: Facts, action: Action) -> str:
    """Return the state of an action that no device says it has carried out."""
    orders = orders_of(facts, action)
    newest = orders[-1]
    used = facts.done[action.card] >= newest.k
    taken = is_taken(facts, newest)
    if used and not taken:  # also when no list is known: books may have been restored since
        return UNCLEAR
    if facts.is_in_doubt(action.card):
        return UNCLEAR
    may_run = facts.may_run_forgotten() or any(
        facts.is_held(line) and not is_taken(facts, line) for line in orders
    )
    if action.id in facts.cancelled:
        return CANCELLING if may_run else SUPERSEDED
    if facts.now > action.valid_to:
        return EXPIRING if may_run else EXPIRED
    if facts.is_unexplained(action.card):
        return UNCLEAR
    if taken:
        return DISPLACED
    return CREATED if newest.listed is None else PUBLISHED


def runs(facts: Facts, action: Action, state: str) -> bool:
    """Say whether devices are to carry it out, if no device has."""
    is_over = action.id in facts.cancelled or facts.now > action.valid_to
    return state in (*WAITING, CONFIRMING, UNCLEAR) and not is_over


def orders_of(facts: Facts, action: Action) -> list[Line]:
    """Return the lines that give what was ordered, the newest last."""
    return [line for line in facts.lines[action.id] if line.kind != ACT_NOTHING]


def is_taken(facts: Facts, line: Line) -> bool:
    """Say whether another action is known to have used this line's number: it never runs."""
    return any(
        told.k == line.k and told.action != line.action and told.state == POSTED
        for told in facts.told[line.card]
    )
