"""Bugs planted on purpose: each breaks one rule of a program, here and never in its source.

`planted(name)` patches the classes of firmware, edge or ledger for as long as it is open; histories
must then fail. Source: trust.md 4.7 (the mutants), issue 5.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

from backend_sync.intake import Intake
from backend_sync.keyring.register import Register
from backend_sync.ledger import plants
from backend_sync.ledger.accounts import AccountBook
from backend_sync.ledger.cards import Intent
from backend_sync.ledger.decoding import read_record_n
from backend_sync.ledger.resolve import Resolver
from backend_sync.ledger.results import P2, P3, V1, V2
from backend_sync.topics import topic
from card_layouts.answers import GREEN
from card_layouts.cards.card_layout import COUNTER_START, FILE_A
from card_layouts.fares.inputs import D_AMOUNT
from card_layouts.packages.ack import ACK
from card_layouts.records.chain import chain_next
from card_layouts.records.entries_tap import (
    GATE_SHUT,
    HOW_NOT_SENT,
    OUTCOME_ABORTED,
    OUTCOME_COMMITTED,
)
from edge_agent import downlink
from edge_agent.downlink import Downlink
from edge_agent.uplink import Uplink
from firmware import card_writer
from firmware import dock as firmware_dock
from firmware.card_writer import COMMITTED, NOT_SENT, UNKNOWN, CardWriter
from firmware.journal import Journal
from firmware.package_slots import PAGE_BYTES
from firmware.receiving import Receiver
from firmware.station import Station
from firmware.tap import Tap
from firmware.tap_decide import Pricing
from simulator.histories.canary_gate import AT_GATES
from simulator.histories.canary_office import OFFICE
from simulator.histories.canary_published import PUBLISHED
from simulator.histories.mended import MENDED
from simulator.histories.planting import Plant, wrapped
from simulator.histories.prices import HOME
from simulator.histories.town import town


class Canary(NamedTuple):
    """One planted bug: what is wrong, and how it gets in."""

    what: str
    plant: Plant


def _after_unknown(result: int, known: int) -> Plant:
    """Decide by silence what became of a commit."""

    def make(commit: Any) -> Any:
        def guessed(self: Any, seen: Any, kind: int, payload: bytes, seq: int, gate: int) -> Any:
            found = yield from commit(self, seen, kind, payload, seq, gate)
            if found == UNKNOWN:
                self._append_outcome(seq, result, HOW_NOT_SENT, seen, GATE_SHUT)
                return known
            return found

        return guessed

    return wrapped(CardWriter, "commit", make)


def _intent_late(commit: Any) -> Any:
    """Append the announcing entry after the commit."""

    def late(self: Any, seen: Any, kind: int, payload: bytes, seq: int, gate: int) -> Any:
        journal = self.journal
        held: list[tuple[Any, ...]] = []
        append = journal.append

        def hold(entry_type: int, body: bytes, *rest: Any) -> int:
            if entry_type == kind and not held:
                held.append((entry_type, body, *rest))
                return seq
            while held:
                append(*held.pop())
            return int(append(entry_type, body, *rest))

        journal.append = hold
        try:
            found = yield from commit(self, seen, kind, payload, seq, gate)
            while held:
                append(*held.pop())
        finally:
            del journal.append
        return found

    return late


def _graceless(stack: ExitStack) -> None:
    """Charge again whoever holds his card again."""
    settle = Tap._settle

    def settled(self: Any, seen: Any, pending: Any, barred: int) -> Any:
        yield from settle(self, seen, pending, barred)
        return False

    stack.enter_context(patch.object(Tap, "_settle", settled))
    stack.enter_context(patch.object(Tap, "_grace", lambda self, seen: 0))


def _gate_first(commit: Any) -> Any:
    def opened(self: Any, seen: Any, kind: int, payload: bytes, seq: int, gate: int) -> Any:
        self.signals.signal("gate", "open")
        return (yield from commit(self, seen, kind, payload, seq, gate))

    return opened


def _twice(commit: Any) -> Any:
    """Open again, once the commit is known: two may pass for one fare."""

    def opened(self: Any, seen: Any, kind: int, payload: bytes, seq: int, gate: int) -> Any:
        known = yield from commit(self, seen, kind, payload, seq, gate)
        if known == COMMITTED:
            self.signals.signal("gate", "open")
        return known

    return opened


def _always_green(lamp_of: Any) -> Any:
    return lambda answer: GREEN


def _one_area(number: Any) -> Any:
    """Let every carrier's revenue be earned at home."""

    def found(self: Any, name: str, authority: int, currency: str = "") -> int:
        kind, _, rest = name.partition(":")
        _, _, operator = rest.partition(":")
        name = f"REV:{HOME}:{operator}" if kind == "REV" else name
        return int(number(self, name, authority, currency))

    return found


def _no_patience(resolve: Any) -> Any:
    """Void what nobody has told of by the time it comes."""

    def resolved(self: Any, outcomes: Any, inert: Any) -> None:
        resolve(self, outcomes, inert)
        for intent in list(self.work.by_intent_id.values()):
            if not intent.bits:
                intent.learn(V1, None)

    return resolved


def _dearer(decide: Any) -> Any:
    def decided(self: Any, session: Any, seen: Any, tariff: Any) -> Any:
        reason = yield from decide(self, session, seen, tariff)
        if not reason and self.decision[D_AMOUNT]:
            self.decision[D_AMOUNT] += 1
        return reason

    return decided


def _blind_counter(serve: Any) -> Any:
    """Load whatever is asked, whether the card has had it or not."""

    def served(self: Any, seen: Any, order: Any, *how: Any) -> Any:
        session = self.session
        real = session.get_value

        def last_action(file_no: int) -> Any:
            value = yield from real(file_no)
            return value if file_no != FILE_A else COUNTER_START - (order.k - 1)

        session.get_value = last_action
        self.journal.find_open = lambda uid: None
        try:
            return (yield from serve(self, seen, order, *how))
        finally:
            del session.get_value, self.journal.find_open

    return served


def _learn_without(bit: int) -> Plant:
    def make(learn: Any) -> Any:
        def deaf(self: Any, found: int, entry: int | None) -> None:
            if found != bit:
                learn(self, found, entry)

        return deaf

    return wrapped(Intent, "learn", make)


def _by_sums(resolve: Any) -> Any:
    """Post the oldest open intent of a counter that somebody reached: any one will do."""

    def resolved(self: Any, outcomes: Any, inert: Any) -> None:
        resolve(self, outcomes, inert)
        for intent in list(self.work.by_intent_id.values()):
            if not intent.bits and intent.n <= intent.card.n + 1:
                intent.learn(2, None)

    return resolved


def _foreign_read(resolve: Any) -> Any:
    """Void an intent when another device's OUTCOME shows the card before it."""

    def resolved(self: Any, outcomes: Any, inert: Any) -> None:
        for intent in list(self.work.by_intent_id.values()):
            for card, record, _ in self.records:
                if card is intent.card and not intent.bits and read_record_n(record)[0] < intent.n:
                    intent.learn(8, None)
        resolve(self, outcomes, inert)

    return resolved


def _plant(name: str) -> Plant:
    return wrapped(plants, "from_environment", lambda real: lambda: plants.Plant(name))


def _acknowledged_early(post_group: Any) -> Any:
    """Sign and publish acknowledgements of what is in hand, then post it."""

    def posted(self: Any) -> None:
        for batch in self.group:
            for device, epoch, first, chain, slots in batch.runs:
                for slot in slots:
                    chain = chain_next(chain, slot)
                value = {"device": device, "epoch": epoch, "seq": first + len(slots) - 1}
                value.update(H=chain, time=self.clock.utc_seconds())
                (signed,) = self.keyring.sign("ack", [value])
                self.broker.publish(topic(batch.authority, batch.edge, "ack"), signed)
        self.group = self.group[1:]
        post_group(self)

    return posted


def _believes(*_: Any) -> None:
    """Take every signature for right."""


def _never_again(drop_late: Any) -> Any:
    """Trust the broker: what was published once is not sent again."""

    def kept(self: Any, now_ms: int) -> None:
        self.flights = [flight._replace(due_ms=now_ms + 10**12) for flight in self.flights]

    return kept


def _any_chain(acknowledge: Any) -> Any:
    """Take an acknowledgement without comparing H."""

    def taken(self: Any, ack: Any) -> bool:
        chain = self.chain_at(ack["seq"])
        return bool(acknowledge(self, {**ack, "H": chain} if chain is not None else ack))

    return taken


def _any_version(check: Any) -> Any:
    """Let an older package in: the newer one makes room for it, with the floor it brought."""

    def checked(self: Any, manifest: Any, manifest64: bytes) -> bool:
        slots = self.slots.get(manifest["role"])
        newest = slots.newest() if slots is not None else None
        if newest is not None and manifest["version"] < newest.version:
            for package in slots.packages:
                self.updates.flash.program(package.place, bytes(PAGE_BYTES))
            slots.packages = []
        return bool(check(self, manifest, manifest64))

    return checked


def _forgets_open(next_seq: Any) -> Any:
    """Find no open entry: what a tap left unknown is never settled by its own device."""
    return lambda self, uid: None


def _reuses_everything(may_reuse: Any) -> Any:
    """Erase blocks whether they are acknowledged or not."""
    return lambda self, ordinal: True


def _gullible(stack: ExitStack) -> None:
    stack.enter_context(patch.object(downlink, "verify", _believes))
    stack.enter_context(patch.object(Downlink, "_compare", lambda *_, **__: None))


def _board_gullible(stack: ExitStack) -> None:
    stack.enter_context(
        patch.object(firmware_dock, "check_ack", lambda ack64, key: ACK.unpack(ack64))
    )
    wrapped(Journal, "acknowledge", _any_chain)(stack)


def _no_incarnation(stack: ExitStack) -> None:
    stack.enter_context(patch.object(Register, "raise_incarnation", lambda *_: 1))


CANARIES: dict[str, Canary] = {
    "intent-late": Canary(
        "the intent is written after the commit", wrapped(CardWriter, "commit", _intent_late)
    ),
    "silence-is-no": Canary(
        "a lost answer counts as not taken", _after_unknown(OUTCOME_ABORTED, NOT_SENT)
    ),
    "silence-is-yes": Canary(
        "a lost answer counts as taken", _after_unknown(OUTCOME_COMMITTED, COMMITTED)
    ),
    "no-grace": Canary("a settled tap is charged again", _graceless),
    "no-action-counter": Canary(
        "a load ignores the card's action counter", wrapped(Station, "_serve", _blind_counter)
    ),
    "by-sums": Canary(
        "the ledger resolves by counters alone", wrapped(Resolver, "resolve", _by_sums)
    ),
    "foreign-read": Canary(
        "another device's earlier read voids", wrapped(Resolver, "resolve", _foreign_read)
    ),
    "no-counter-reuse": Canary("a used counter voids nothing", _learn_without(V2)),
    "no-chain": Canary("what a later h was computed from posts nothing", _learn_without(P3)),
    "no-record-evidence": Canary("a record read on a card posts nothing", _learn_without(P2)),
    "posts-twice": Canary("one entry is posted twice", _plant(plants.POST_TWICE)),
    "drops-one": Canary("one entry is not posted", _plant(plants.DROP_ONE_ENTRY)),
    "gate-first": Canary("the gate opens before the commit", wrapped(Tap, "commit", _gate_first)),
    "opens-twice": Canary("the gate opens twice for one fare", wrapped(Tap, "commit", _twice)),
    "always-green": Canary(
        "whoever is refused sees green", wrapped(card_writer, "lamp_of", _always_green)
    ),
    "one-area": Canary(
        "rides elsewhere are revenue at home", wrapped(AccountBook, "number", _one_area)
    ),
    "no-patience": Canary("silence voids an intent", wrapped(Resolver, "resolve", _no_patience)),
    "one-cent-more": Canary("every fare is a cent dearer", wrapped(Pricing, "decide", _dearer)),
    "acknowledges-early": Canary(
        "a batch is acknowledged before it is posted",
        wrapped(Intake, "_post_group", _acknowledged_early),
    ),
    "believes-anyone": Canary("the edge checks no signature and no H", _gullible),
    "sends-once": Canary(
        "the edge trusts the broker's confirmation", wrapped(Uplink, "_drop_late", _never_again)
    ),
    "any-chain": Canary("a board checks no MAC and no H of an acknowledgement", _board_gullible),
    "any-version": Canary(
        "a board installs older packages", wrapped(Receiver, "_check_offer", _any_version)
    ),
    "erases-unacknowledged": Canary(
        "a full journal erases its oldest block",
        wrapped(Journal, "_may_reuse", _reuses_everything),
    ),
    "keeps-no-incarnation": Canary("a restored ledger does not say so", _no_incarnation),
    **{name: Canary(*row) for name, row in (PUBLISHED | OFFICE | AT_GATES).items()},
}


@contextmanager
def planted(name: str | None) -> Iterator[None]:
    """Plant a bug, or one that was mended, for as long as this is open; None plants nothing."""
    with ExitStack() as stack:
        if name is not None:
            town()  # every history begins in one that sound programs made
            (CANARIES[name].plant if name in CANARIES else MENDED[name][1])(stack)
        yield
