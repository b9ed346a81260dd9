"""Tourist tickets in the books: what was sold, where each count was used, and what cannot be.

A ticket is paid beforehand, so its taps move no money: they are stored, ended by their OUTCOME, and
laid beside the register of sold tickets. A count is used once. Two devices that both had the card's
word for the same count saw a copy, or one of them was lied to: a case for a person, nothing is
taken back by itself. Results are a function of the set of entries. Source: card.md section 6
(facts 2 and 4); card-bits.md TICKET; trust.md 4.2, 4.3.
"""

from collections.abc import Container, Iterable, Sequence
from typing import Any, NamedTuple

from backend_sync.ledger.accounts import CASH, REV, AccountBook
from backend_sync.ledger.arrivals import Entry
from backend_sync.ledger.decoding import read_ticket, slots_of_ticket
from backend_sync.ledger.poster import Poster
from backend_sync.ledger.resolve import Alarm, Key, Outcome
from backend_sync.ledger.results import ALARM_SALE_DIFFERS, ALARM_TICKET_TWICE, RULES
from backend_sync.ledger.schema import alarms, ticket_results, ticket_sales, ticket_taps
from backend_sync.ledger.working_set import SEQ_SPAN
from backend_sync.ports import Keyring
from backend_sync.storage.database import Database, Row
from card_layouts.cards.ulc_layout import ULC_HEADER
from card_layouts.errors import LayoutError

UID_BYTES = 7
SCHEME = 0  # operator of what is not split among carriers yet


class TicketSale(NamedTuple):
    """One sold ticket: its price, which its header says, went from the buyer to `channel`."""

    sale: str
    uid: bytes  # 7 B; only its pseudonym is kept
    header: bytes  # 12 B, ULC_HEADER
    channel: str
    time: int  # s since 2020


class TicketBook:
    """The ticket taps of one group; `write` puts them into the books."""

    def __init__(self, database: Database, now: int) -> None:
        self.database = database
        self.now = now
        self.taps: list[Row] = []
        self.results: list[Row] = []
        self._here: dict[Key, int] = {}

    def take(self, entry: Entry) -> None:
        """Take a TICKET entry; it names a ticket."""
        opened = entry.opened
        assert opened.card is not None, opened[1:4]
        counter, at, authority, zone, operator = read_ticket(opened.payload)
        header, was, made = slots_of_ticket(opened.payload)
        product = ULC_HEADER.get(header, "product")
        self.taps.append(
            (entry.id, opened.card, counter + 1, at, authority, operator, product, zone, was, made)
        )
        self._here[opened[1:4]] = entry.id

    def end(self, outcomes: Sequence[Outcome], intents: Container[tuple[int, int, int]]) -> None:
        """Note what outcomes say of taps, of this group or before; `intents` are no tickets."""
        told = [o for o in outcomes if o.bit and (o[1], o[2], o[3] % SEQ_SPAN) not in intents]
        stored = self._stored([o[1:4] for o in told if o[1:4] not in self._here])
        for outcome in told:
            tap = self._here.get(outcome[1:4]) or stored.get(outcome[1:4])
            if tap is not None:
                self.results.append((tap, RULES[outcome.bit], outcome.entry, self.now))

    def _stored(self, keys: Sequence[Key]) -> dict[Key, int]:
        rows = self.database.rows_of(
            "SELECT e.device, e.epoch, e.seq, t.id FROM {keys} JOIN held_entries e ON"
            " e.device = k.device AND e.epoch = k.epoch AND e.seq = k.seq"
            " JOIN ticket_taps t ON t.id = e.id",
            ("device", "epoch", "seq"),
            sorted(set(keys)),
        )
        return {(row[0], row[1], row[2]): row[3] for row in rows}

    def write(self, displaced: Iterable[int]) -> list[tuple[int, int]]:
        """Write taps and results, and an alarm for each count that was used more than once.

        Return (tap, sign) of the uses that count from now on (1) or no longer do (-1); `displaced`
        are taps among entries that are none any more.
        """
        database = self.database
        database.insert(ticket_taps, self.taps)
        database.insert(ticket_results, self._news())
        found = [_alarm(*row) for row in self._twice()]
        known = {
            row[0]
            for row in database.rows_in(
                f"SELECT detail FROM alarms WHERE kind = '{ALARM_TICKET_TWICE}' AND detail IN {{}}",
                [alarm.detail for alarm in found],
            )
        }
        number = database.next_id(alarms)
        news = [alarm for alarm in found if alarm.detail not in known]
        database.insert(alarms, [(number + i, *alarm, self.now) for i, alarm in enumerate(news)])
        return self._changed(sorted(displaced))

    def _changed(self, displaced: list[int]) -> list[tuple[int, int]]:
        """Compare what is known of this group's tickets with what was noted of their taps."""
        taps = sorted({row[0] for row in self.taps} | {row[0] for row in self.results})
        told, shaken = self._tickets_of(taps), self._tickets_of(displaced)
        rows = self.database.rows_in(
            "SELECT t.id, t.ticket, u.state, coalesce((SELECT sum(s.sign) FROM ride_postings s"
            " WHERE s.ride = t.id), 0) FROM ticket_taps t LEFT JOIN ticket_uses u ON u.id = t.id"
            " WHERE t.ticket IN {}",
            sorted(told | shaken),
        )
        found = []
        for tap, ticket, state, noted in rows:
            # What a use was told by may be folded: being open again needs a displaced entry.
            if state != "open" or bytes(ticket) in shaken:
                found.append((tap, (state == "used") - int(noted)))
        return sorted((tap, sign) for tap, sign in found if sign)

    def _tickets_of(self, taps: list[int]) -> set[bytes]:
        rows = self.database.rows_in("SELECT ticket FROM ticket_taps WHERE id IN {}", taps)
        return {bytes(row[0]) for row in rows}

    def _news(self) -> list[Row]:
        """Return the results without those that another OUTCOME of the same entry told before."""
        taps = sorted({row[0] for row in self.results})
        stored = self.database.rows_in("SELECT tap, rule FROM ticket_results WHERE tap IN {}", taps)
        known = set(map(tuple, stored))
        found: dict[Row, Row] = {}
        for row in self.results:
            if row[:2] not in known:
                found.setdefault(row[:2], row)
        return list(found.values())

    def _twice(self) -> list[Row]:
        """Return (ticket, count, how often) of this group's tickets where it is above once."""
        touched = self.database.rows_in(
            "SELECT DISTINCT ticket FROM ticket_taps WHERE id IN {}",
            sorted({row[0] for row in self.results}),
        )
        return self.database.rows_in(
            "SELECT ticket, n, times FROM ticket_twice WHERE ticket IN {}",
            sorted(bytes(row[0]) for row in touched),
        )


def _alarm(ticket: bytes, n: int, times: int) -> Alarm:
    words = f"ticket {bytes(ticket).hex()}: count {n} was used {times} times"
    return Alarm(ALARM_TICKET_TWICE, None, None, None, None, n, words)


# The register ---------------------------------------------------------------------------


def import_tickets(
    database: Database,
    keyring: Keyring,
    book: AccountBook,
    poster: Poster,
    rows: Sequence[TicketSale],
) -> int:
    """Enter sold tickets, CASH to REV; return how many were new. A changed repeat is an alarm.

    Raises: LayoutError for a row that is no ticket.
    """
    for row in rows:
        if len(row.uid) != UID_BYTES or len(row.header) != ULC_HEADER.size:
            raise LayoutError(
                f"ticket sale {row.sale}: UID of {len(row.uid)} bytes and header of"
                f" {len(row.header)}, wanted {UID_BYTES} and {ULC_HEADER.size}"
            )
    known = {
        row[0]: tuple(bytes(v) if isinstance(v, memoryview) else v for v in row)
        for row in database.rows_in(
            "SELECT sale, ticket, header, channel, time FROM ticket_sales WHERE sale IN {}",
            sorted({row.sale for row in rows}),
        )
    }
    fresh = []
    number = database.next_id(ticket_sales)
    for row, ticket in zip(rows, keyring.pseudonyms([row.uid for row in rows]), strict=True):
        sold = (row.sale, ticket, row.header, row.channel, row.time)
        before = known.get(row.sale)
        if before is None:
            known[row.sale] = sold
            cents, authority = _post(book, poster, row, number)
            fresh.append((number, *sold, cents, authority))
            number += 1
        elif before != sold:
            words = f"ticket sale {row.sale}: sent again with other values; the first stands"
            poster.alarms.append(Alarm(ALARM_SALE_DIFFERS, *(None,) * 5, words))
    book.write()
    database.insert(ticket_sales, fresh)
    return len(fresh)


def _post(book: AccountBook, poster: Poster, row: TicketSale, number: int) -> tuple[int, int]:
    """Post the price of ticket sale `number`; it was never money on a card.

    Returns (cents, authority).
    """
    header = ULC_HEADER.unpack(row.header)
    cents, area = header["price"], header["authority"]
    if cents:
        cash = book.number(f"{CASH}:{row.channel}", area)
        earned = book.number(f"{REV}:{area}:{SCHEME}", area)
        currency = book.home_currency
        poster.transfer([(cash, -cents, currency, area), (earned, cents, currency, area)], "TICKET",
                        sale=number)  # fmt: skip
    return cents, area


# For people -----------------------------------------------------------------------------


def ticket_figures(database: Database) -> dict[str, int]:
    """Return how many were sold, tapped, used, and what is a case for a person."""
    states = {row[0]: row[1] for row in database.rows(
        "SELECT state, count(*) FROM ticket_uses GROUP BY state")}  # fmt: skip
    return {
        "sold": database.value("SELECT count(*) FROM ticket_sales"),
        "sold_cents": int(database.value("SELECT coalesce(sum(cents), 0) FROM ticket_sales")),
        "taps": sum(states.values()),
        "used": states.get("used", 0),
        "not_used": states.get("not used", 0),
        "open": states.get("open", 0),
        "contradicted": states.get("contradicted", 0),
        "doubles": database.value("SELECT count(*) FROM ticket_twice"),
        "never_sold": database.value(f"SELECT count(*) FROM ({NEVER_SOLD}) s"),
    }


NEVER_SOLD = (
    "SELECT DISTINCT t.ticket FROM ticket_taps t"
    " WHERE NOT EXISTS (SELECT 1 FROM ticket_sales s WHERE s.ticket = t.ticket)"
)


def ticket_cases(database: Database) -> list[dict[str, Any]]:
    """Return one row a tap of every case: a count used twice, or a ticket nobody sold."""
    double = {(bytes(row[0]), row[1]) for row in database.rows("SELECT * FROM ticket_twice")}
    unsold = {bytes(row[0]) for row in database.rows(NEVER_SOLD)}
    names = ("ticket", "n", "at", "device", "epoch", "seq", "state")
    rows = database.rows(f"SELECT {', '.join(names)} FROM ticket_uses ORDER BY ticket, n, device")
    found = []
    for row in rows:
        ticket = bytes(row[0])
        words = ["used twice"] * ((ticket, row[1]) in double) + ["never sold"] * (ticket in unsold)
        if words:
            values = dict(zip(names, (ticket.hex(), *row[1:]), strict=True))
            found.append({"case": ", ".join(words), **values})
    return found
