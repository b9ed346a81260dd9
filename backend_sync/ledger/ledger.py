"""The ledger: posts batches exactly once, resolves torn taps, and says what is acknowledged.

`post` takes a group of batches in ONE transaction: everything of it is durable when it returns, or
nothing is. The books are a function of the set of entries; order, repeats and delay do not matter.
It must not know MQTT, keys or UIDs. Source: architecture.md section 7; decisions.md D11, D16,
D21, D22; trust.md 4.3, 4.4.
"""

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from backend_sync.ledger import arrivals, displacement, folding, late_seals, plants
from backend_sync.ledger.accounts import AccountBook
from backend_sync.ledger.action_book import ActionBook
from backend_sync.ledger.audit import CARDS_AT_ONCE, Auditor
from backend_sync.ledger.batches import CardBatch, import_batches
from backend_sync.ledger.books import Books, open_books
from backend_sync.ledger.chains import Chains, leads_to_head
from backend_sync.ledger.equivocation import take_back
from backend_sync.ledger.fold_selection import Selected
from backend_sync.ledger.head_watch import HeadWatch
from backend_sync.ledger.imports import Sale, import_issues, import_sales
from backend_sync.ledger.opening import open_database
from backend_sync.ledger.poster import Poster
from backend_sync.ledger.products import ProductBook
from backend_sync.ledger.reading import Reading
from backend_sync.ledger.report import report
from backend_sync.ledger.rerating import Rerater
from backend_sync.ledger.resolve import Outcome, Resolver
from backend_sync.ledger.rides import RideBook
from backend_sync.ledger.singles import CounterSale, SingleBook, import_singles
from backend_sync.ledger.suspense import lapse
from backend_sync.ledger.tickets import TicketBook, TicketSale, import_tickets
from backend_sync.ledger.working_set import WorkingSet
from backend_sync.ports import Clock, Keyring
from card_layouts.fares.mounted import Tariff
from card_layouts.packages.ack import FLAG_QUARANTINED
from card_layouts.records.entries import ENDED_BY_OUTCOME

SUSPENSE_DAYS = 90
DAY_SECONDS = 86_400
Acknowledgement = dict[str, Any]


class Ledger:
    """One ledger over one database.

    `tariffs` maps (authority, version) to the archived package; it may grow while the ledger runs.
    `authority` and `currency` are those of accounts that belong to no area by themselves.
    """

    def __init__(
        self,
        url: str,
        clock: Clock,
        keyring: Keyring,
        tariffs: Mapping[tuple[int, int], Tariff],
        authority: int = 0,
        currency: str = "EUR",
    ) -> None:
        self.clock = clock
        self.keyring = keyring
        self.authority = authority
        self.currency = currency
        self.rerater = Rerater(tariffs)
        self.plant = plants.from_environment()
        self.database = open_database(url)
        self.head = HeadWatch(self.database, keyring)
        self.auditor = Auditor(self.database, keyring, tariffs)
        self.first_seqs: dict[tuple[int, int], int] = {}

    def close(self) -> None:
        self.database.close()

    def post(self, batches: Sequence[arrivals.Batch]) -> list[Acknowledgement]:
        """Post a group of batches; return what each of their devices may be told.

        Shape: batches are (edge, runs) as `card_layouts.link.batches.decode_batch` returns them.
        A device whose journal has a hole at the start gets no acknowledgement yet.
        Raises: KeyringAbsent, LedgerIsOlder, or the database's error: then nothing of the group
        was posted.
        """
        if not batches:
            return []
        with _collector_paused():
            return self._post(batches)

    def _post(self, batches: Sequence[arrivals.Batch]) -> list[Acknowledgement]:
        self.head.refuse_older()
        opened = self.keyring.unseal([run for _, runs in batches for run in runs])
        now = self.clock.utc_seconds()
        with self.database.transaction():
            found = arrivals.sort(self.database, batches, opened)
            late_seals.judge(self.database, self.keyring, found)
            if found.displaced:
                self._take_out(found, now)
            book = AccountBook(self.database, self.currency)
            work = WorkingSet(self.database, book, self.authority)
            poster = Poster(self.database, self.plant, now)
            tickets = TicketBook(self.database, now)
            singles = SingleBook(self.database, book, poster, self.rerater.tariffs)
            rides = RideBook(self.database, self.rerater.terms)
            actions = ActionBook(self.database, now)
            products = ProductBook(self.database, book, poster)
            if found.fresh or found.equivocal:
                books = (tickets, singles, rides, actions, products)
                self._take_entries(found, work, book, poster, *books)
            news = arrivals.keep_refused(self.database, found, now)
            poster.alarms += late_seals.alarms_of(news, found.late)
            book.write()
            poster.write(list(work.by_id.values()), list(work.by_intent_id.values()))
            rides.note(tickets.write(found.displaced))
            singles.write()
            rides.write()
            actions.write()
            products.write()
            chains = self._move_chains(found)
        self.auditor.has_news = True
        return self._acknowledgements(chains, now)

    def leads_to_head(self, device: int, epoch: int, seq: int, chain: bytes) -> bool:
        """Return whether the held entries after `seq` lead from the H `chain` to the head's.

        A quarantined slot in between proves nothing: then it is False, until the genuine one came.
        """
        with self.database.transaction():
            return leads_to_head(self.database, (device, epoch), seq, chain)

    def import_issues(self, rows: Sequence[bytes]) -> int:
        """Enter issued cards from ISSUE rows of 64 bytes; return how many were new."""
        self.head.refuse_older()
        with self.database.transaction():
            count = import_issues(self.database, self.keyring, rows, self.currency)
        self.auditor.has_news = True
        return count

    def import_batches(self, rows: Sequence[CardBatch]) -> int:
        """Enter what the cards of deliveries were given; return how many deliveries were new."""
        self.head.refuse_older()
        with self.database.transaction():
            poster = Poster(self.database, self.plant, self.clock.utc_seconds())
            count = import_batches(self.database, poster, rows)
            poster.write([], [])
        self.auditor.has_news = True
        return count

    def import_sales(self, sales: Sequence[Sale | tuple[Any, ...]]) -> int:
        """Post paid sales, CASH to PREPAID; return how many were new. The same id is once."""
        self.head.refuse_older()
        with self.database.transaction():
            book = AccountBook(self.database, self.currency)
            poster = Poster(self.database, self.plant, self.clock.utc_seconds())
            count = import_sales(
                self.database, book, poster, [Sale(*sale) for sale in sales], self.authority
            )
            book.write()
            poster.write([], [])
        return count

    def import_tickets(self, rows: Sequence[TicketSale]) -> int:
        """Enter sold tourist tickets, CASH to REV; return how many were new."""
        self.head.refuse_older()
        with self.database.transaction():
            book = AccountBook(self.database, self.currency)
            poster = Poster(self.database, self.plant, self.clock.utc_seconds())
            count = import_tickets(self.database, self.keyring, book, poster, rows)
            poster.write([], [])
        return count

    @contextmanager
    def books(self) -> Iterator[Books]:
        """One transaction in which a module moves money; see `books.py`."""
        self.head.refuse_older()
        with open_books(self.database, self.clock.utc_seconds(), self.currency) as books:
            yield books
        self.head.tell()

    def audit(self, cards_max: int = CARDS_AT_ONCE) -> int:
        """Repeat the choices of up to so many cards with news; return how many: 0 = none left."""
        return self.auditor.audit(cards_max)

    def import_singles(self, rows: Sequence[CounterSale]) -> int:
        """Enter single tickets sold at counters, CASH to REV; return how many were new."""
        self.head.refuse_older()
        with self.database.transaction():
            book = AccountBook(self.database, self.currency)
            poster = Poster(self.database, self.plant, self.clock.utc_seconds())
            singles = SingleBook(self.database, book, poster, self.rerater.tariffs)
            count = import_singles(self.database, singles, rows)
            book.write()
            poster.write([], [])
            singles.write()
        return count

    def lapse(self) -> int:
        """Rule X: mark intents without evidence for 90 days; the passenger keeps the value.

        No money moves, and late evidence still posts. Returns how many were marked.
        """
        now = self.clock.utc_seconds()
        with self.database.transaction():
            return lapse(self.database, now - SUSPENSE_DAYS * DAY_SECONDS, now)

    def fold(self, weeks: int = folding.WEEKS) -> Selected:
        """Fold detail older than `weeks` that nothing touches; return how much.

        Raises: FoldRefused, LedgerIsOlder.
        """
        now = self.clock.utc_seconds()
        until = folding.horizon(now, weeks)
        self.head.refuse_older()
        found = folding.fold(self.database, until, now, self.currency)
        self.head.tell()
        return found

    def report(self, with_cards: bool = False) -> dict[str, Any]:
        """Return the reconciled ledger as plain values; every check is computed from the books."""
        return report(self.database, with_cards)

    def _take_out(self, found: arrivals.Arrivals, now: int) -> None:
        """Take forged entries out whose genuine ones are in this group."""
        book = AccountBook(self.database, self.currency)
        poster = Poster(self.database, self.plant, now)
        rides = RideBook(self.database, self.rerater.terms)
        books = displacement.Books(book, poster, rides, ProductBook(self.database, book, poster))
        displacement.take_out(self.database, self.keyring, found, books, self.authority)

    def _take_entries(
        self,
        found: arrivals.Arrivals,
        work: WorkingSet,
        book: AccountBook,
        poster: Poster,
        tickets: TicketBook,
        singles: SingleBook,
        rides: RideBook,
        actions: ActionBook,
        products: ProductBook,
    ) -> None:
        more = (tickets, singles, rides, actions, products)
        reading = Reading(work, book, self.rerater, poster, *more)
        reading.read(found.fresh)
        resolver = Resolver(work, self.keyring)
        resolver.records = reading.records
        early = self._early(found.fresh)
        resolver.resolve(early + reading.outcomes, reading.inert)
        tickets.end(early + reading.outcomes, work.intents)
        take_back(self.database, work, poster, resolver, found)
        poster.settle(list(work.by_intent_id.values()))
        rides.settle(work.by_intent_id.values())
        products.settle(work.by_intent_id.values())
        poster.alarms += resolver.alarms
        found.refused += reading.refused
        poster.entries = [
            (e.id, *e.opened[1:7], e.card, e.of, e.hash, e.slot, poster.now) for e in found.fresh
        ]
        poster.read_early = [(outcome.entry, outcome.of) for outcome in early]
        poster.early = list(resolver.early)

    def _early(self, fresh: Sequence[arrivals.Entry]) -> list[Outcome]:
        """Return the outcomes that came before entries of this group."""
        keys = [e.opened[1:4] for e in fresh if e.opened.type in ENDED_BY_OUTCOME]
        rows = self.database.rows_of(
            "SELECT o.entry, o.device, o.epoch, o.of, o.bit, o.observed FROM {keys}"
            " JOIN early_outcomes o ON o.device = k.device AND o.epoch = k.epoch AND o.of = k.seq",
            ("device", "epoch", "seq"),
            keys,
        )
        return [Outcome(*row) for row in rows]

    def _move_chains(self, found: arrivals.Arrivals) -> Chains:
        chains = Chains(self.database, found.devices)
        names = {n for n, chain in chains.by_name.items() if not chain.first_seq}
        if names - self.first_seqs.keys():
            self.first_seqs = {
                (row["device"], row["epoch"]): row["first_seq"]
                for row in self.keyring.assemble("devices", {})
            }
        for name in sorted(found.devices):
            if name in names and name in self.first_seqs:
                chains.begin(name, self.first_seqs[name])
            seqs = [entry.opened.seq for entry in found.displaced.values()
                    if (entry.opened.device, entry.opened.epoch) == name]  # fmt: skip
            if seqs:
                chains.begin_again(name, min(seqs))
            chains.extend(name, found.authentic.get(name, {}), found.suspect.get(name, {}))
        chains.write()
        return chains

    def _acknowledgements(self, chains: Chains, now: int) -> list[Acknowledgement]:
        if not any(c.first_seq and c.seq >= c.first_seq for c in chains.by_name.values()):
            return []
        incarnation = self.head.incarnation()
        return [
            {
                "device": c.device,
                "epoch": c.epoch,
                "seq": c.seq,
                "H": c.chain,
                "incarnation": incarnation,
                "time": now,
                "flags": FLAG_QUARANTINED if c.poisoned else 0,
            }
            for c in chains.by_name.values()
            if c.first_seq and c.seq >= c.first_seq
        ]


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep Python's cycle collector from walking a group's objects while they are all alive.

    It would do so dozens of times a group, a quarter of the whole time, and free nothing.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
