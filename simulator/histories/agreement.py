"""The end of a history: everything was healed and delivered, so everything must agree.

Ledger = cards = journals, to the cent; what cannot be known (a journal that is gone) is missing
money of exactly that size. Source: trust.md 4.3 to 4.7, section 7 row "Destroyed validator".
"""

from typing import TYPE_CHECKING, Any

from backend_sync.ledger.report import forks
from backend_sync.ledger.rerating import VERDICT_NAMES
from backend_sync.ledger.working_set import SEQ_SPAN
from backend_sync.settlement.rules import SHARED
from card_layouts.fares.repeat import DIFFERENT, UNRATED
from card_layouts.records.entries import OBS, OUTCOME, REFUSAL, record_prefix
from simulator.histories import model_books
from simulator.histories.invariants import Writer, wrong
from simulator.histories.town import EPOCH

if TYPE_CHECKING:
    from simulator.histories.world import World

KINDS = ("CASH", "PREPAID", "LIAB", "REV", "PAYOUT")  # where money may be, here
ZERO = ("lost", "doubled", "unbalanced", "trial_balance_cents", "unpaid_actions")

INVENTED_SQL = (  # every commit there is, and what it moved
    "SELECT e.device, e.seq, c.id, c.pseudonym, p.n, p.d, p.l, (SELECT coalesce(sum(o.cents), 0)"
    " FROM postings o WHERE o.pending = p.id AND o.account = p.target)"
    " FROM pendings p JOIN entries e ON e.id = p.id JOIN cards c ON c.id = p.card"
)

WAITED_SQL = (  # intents that were in suspense for a while, and are not any more
    "SELECT r.pending FROM resolutions r JOIN entries e ON e.id = r.pending"
    " GROUP BY r.pending HAVING min(r.received) > max(e.received)"
)


def agreement(world: "World") -> None:
    """Check that all agree. Raises: Violation."""
    service = world.inland.service
    assert service is not None, "heal() has started the ledger"
    report = service.ledger.report(with_cards=True)
    unheard = {w for w in world.model.by_writer if w not in world.books.entries}
    unheard |= i8_suspense_is_empty(world, report, unheard)
    seen = {w: {rule[0] for rule in rules} for w, rules in world.books.evidence.items()}
    claimed = {w for w, sides in seen.items() if "P" in sides}
    known = {w for w in claimed if not seen[w] & {"V", "E"}}  # E: two entries, one number
    contradicted = forks(service.ledger.database)
    cases = {(row["device"], row["seq"]) for row in contradicted}
    named = {row["card"] for row in (*contradicted, *report["missing_money"])}
    ahead = _inventions_are_cases(world, cases, named, unheard)
    _drained(world)
    _every_commit_posted(world, unheard)
    _cards_agree(world, report, unheard, known, ahead)
    _sums_agree(world, report, unheard, known, sum(ahead.values()))
    _fares_agree(world)
    _kept_away_is_known(world, unheard)
    _packages_arrived(world)
    _visitors_agree(world, report)
    clones_are_found(world, claimed, cases)


def _drained(world: "World") -> None:
    """Every entry of every journal that still exists is in the ledger."""
    world.checked["drained"] += 1
    for device, board in world.boards.items():
        for seq in board.slots:
            if device not in world.lost and (device, seq) not in world.books.entries:
                wrong(world, "I12", f"{board.name} entry {seq} never reached the ledger")
    for depot in world.depots:
        agent = depot.agent
        if agent is None or depot.store.outbox.unsent():
            wrong(world, "drained", f"{depot.name} still holds entries nobody acknowledged")


def i8_suspense_is_empty(
    world: "World", report: dict[str, Any], unheard: set[Writer]
) -> set[Writer]:
    """All entries delivered and a next transaction of c anywhere => no open intent on c.

    Return the intents that may stay open: what would tell lies in a destroyed journal, or never
    was.
    """
    world.checked["I8"] += len(world.books.rows(WAITED_SQL))
    may_stay, places = set(), world.model.by_place
    for pseudonym, n, device, seq in world.books.rows(
        "SELECT c.pseudonym, s.n, s.device, s.seq FROM suspense s JOIN cards c ON c.id = s.card"
    ):
        card = world.cards_of[bytes(pseudonym)]
        telling = places.get((card, n), set()) | places.get((card, n + 1), set())
        top = _top(world, card)
        # A copy of a card need not come again: its last commit may be all there is about it.
        is_last = card in world.model.doubtful and telling <= {(device, seq)}
        if telling & unheard or is_last:
            may_stay.add((device, seq))
        elif top >= n:
            wrong(world, "I8", f"card {card + 1}: intent {seq} of {device} for n {n} is still open")
    if report["outcomes_unmatched"] and not world.lost:
        wrong(world, "I8", f"{report['outcomes_unmatched']} outcomes wait for their intents")
    return may_stay


def _top(world: "World", card: int) -> int:
    return max(chip.n for chip in world.model.chips.values() if chip.card == card)


def _every_commit_posted(world: "World", unheard: set[Writer]) -> None:
    """I7 both ways: what is on a card is posted, what is posted is on a card."""
    forked = {w for place in model_books.forks(world.model) for w in world.model.by_place[place]}
    for writer, tx in world.model.by_writer.items():
        rules = world.books.evidence.get(writer, set())
        if writer in unheard or writer in forked or _shows_another(world, tx.card, rules):
            continue
        if not any(r[0] == "P" for r in rules):
            wrong(world, "I7", f"entry {writer} is on a card, the ledger has {sorted(rules)}")


def _shows_another(world: "World", card: int, rules: set[str]) -> bool:
    """Say whether a gate was shown a copy, or an older image, before it knew of its own commit.

    Either shows what a card shows on which that commit never was: V3 is all the ledger can hear.
    """
    return "V3" in rules and card in world.model.doubtful


def _cards_agree(
    world: "World",
    report: dict[str, Any],
    unheard: set[Writer],
    known: set[Writer],
    ahead: dict[int, int],
) -> None:
    """LIAB(c) = V(c) + M(c), and M is reported to the cent; what is `ahead` was invented."""
    said = {row["card"]: row["cents"] for row in report["missing_money"]}
    for row in report["card_rows"]:
        card = world.cards_of.get(bytes.fromhex(row["pseudonym"]))
        if card is None:
            continue
        wanted = model_books.liability(world.model, card, unheard, known) - ahead.get(card, 0)
        if row["balance_cents"] != wanted:
            wrong(world, "I5", f"card {card + 1}: LIAB {row['balance_cents']}, wanted {wanted}")
        if card in world.model.doubtful:
            continue
        missing = model_books.missing(world.model, card, unheard)
        world.checked["missing money"] += missing != 0
        purse = sum(c.purse for c in world.model.chips.values() if c.card == card)
        if row["balance_cents"] != purse + missing:
            wrong(world, "I5", f"card {card + 1}: LIAB {row['balance_cents']}, purse {purse}")
        if said.get(row["card"], 0) != missing:
            wrong(
                world,
                "missing",
                f"card {card + 1}: {missing} cents unexplained, the ledger says"
                f" {said.get(row['card'], 0)}",
            )


def _sums_agree(
    world: "World", report: dict[str, Any], unheard: set[Writer], known: set[Writer], ahead: int
) -> None:
    """CASH is what was paid, REV what was charged, area by area; no other account has anything.

    LIAB is compared card by card, so PREPAID, what was paid and is not on a card, follows from I4.
    """
    world.checked["I4"] += 1
    # A gate that was lost may have had the only copy of entries between those that came.
    gone = sum(hole["missing_count"] for hole in report["gaps"] if hole["device"] in world.lost)
    for name in ZERO:
        if report[name] - (gone if name == "lost" else 0):
            wrong(world, "I4", f"the ledger's report says {name} {report[name]}, {gone} are gone")
    accounts, model = report["accounts"], world.model
    visitors = sum(world.visitors.prices)
    paid = model_books.cash(model) + visitors
    if -accounts.get("CASH", 0) != paid:
        wrong(world, "I4", f"CASH {accounts.get('CASH', 0)}, people paid {paid}")
    strange = {kind: cents for kind, cents in accounts.items() if cents and kind not in KINDS}
    if strange:
        wrong(world, "I4", f"nothing in this world moves money to {strange}")
    rides = model_books.charged(model, unheard, known)
    rest = model_books.passes(model, unheard, known) + visitors  # to operator 0: not shared yet
    earned = sum(rides.values()) + rest + ahead
    if accounts.get("REV", 0) != earned:
        wrong(world, "I3", f"REV {accounts.get('REV', 0)}, charged {earned}")
    booked = _booked_rides(world)
    if not ahead and booked != rides:
        wrong(world, "I3", f"rides by area: booked {booked}, charged {rides}")
    if report["open_intents"] != report["torn_unknown"]:
        wrong(
            world, "I16", f"{report['torn_unknown']} silent, {report['open_intents']} in suspense"
        )


def _booked_rides(world: "World") -> dict[int, int]:
    """Return what the books say carriers earned by rides, area -> cents.

    What closing a day gave them of passes (SHARED) is not by rides.
    """
    found: dict[int, int] = {}
    for name, cents in world.books.rows(
        "SELECT a.name, sum(p.cents) FROM postings p JOIN accounts a ON a.id = p.account"
        f" WHERE a.kind = 'REV' AND p.rule <> '{SHARED}' GROUP BY a.name"
    ):
        _, area, operator = name.split(":")
        if int(operator) and cents:
            found[int(area)] = found.get(int(area), 0) + int(cents)
    return found


def _fares_agree(world: "World") -> None:
    """Each tap is re-rated with the tariff version it was taken under, however old by now."""
    world.checked["re-rated"] += 1
    for device, seq, verdict in world.books.rows(
        "SELECT e.device, e.seq, coalesce(c.verdict, p.verdict) FROM pendings p"
        " JOIN entries e ON e.id = p.id LEFT JOIN choices c ON c.pending = p.id"
    ):
        if verdict in (DIFFERENT, UNRATED) and (device, seq) not in world.invented:
            wrong(world, "I13", f"entry {device}/{seq} is {VERDICT_NAMES[verdict]} when re-rated")


def _visitors_agree(world: "World", report: dict[str, Any]) -> None:
    """Tickets: each count used once, only counts the chip has had; codes cost what was asked."""
    world.checked["visitors"] += 1
    tickets, singles, visitors = report["tickets"], report["singles"], world.visitors
    rides = sum(visitors.rides(ticket) for ticket in visitors.counts)
    if tickets["doubles"] or tickets["contradicted"] or tickets["never_sold"]:
        wrong(world, "T14", f"the ledger says of tickets: {tickets}")
    if tickets["used"] > rides or (not world.lost and tickets["used"] + tickets["open"] < rides):
        wrong(world, "T14", f"tickets were used {rides} times, the ledger says {tickets}")
    sold_cents = tickets["sold_cents"] + singles["sold_cents"]
    if sold_cents != sum(visitors.prices):
        wrong(world, "I4", f"tickets and codes for {sum(visitors.prices)}, books {sold_cents}")


def _kept_away_is_known(world: "World", unheard: set[Writer]) -> None:
    """T13: who keeps a journal away is named by the records that other gates read on cards.

    A gate that finds its own commit, whose answer was lost, reads no record before it.
    """
    (harvested,) = world.books.rows("SELECT count(*) FROM entries WHERE type = ?", OBS)[0]
    world.lived["record harvested"] += harvested
    named = {row[0] for row in world.books.rows("SELECT DISTINCT device FROM sightings")}
    world.checked["withheld"] += len(world.lost & set(world.withheld))
    model, away = world.model, world.lost & set(world.withheld) - named
    if not away:
        return
    shown = _records_shown(world)
    for tx in (model.by_writer[w] for w in unheard if w in model.by_writer):
        if tx.device in away and tx.card not in model.doubtful:
            prefix = record_prefix(EPOCH, tx.device, tx.seq)
            if any(prefix in payload for payload in shown):
                said = f"device {tx.device}: entry {tx.seq} is kept away, nobody knows"
                wrong(world, "T13", said)


def _records_shown(world: "World") -> list[bytes]:
    """Return the payloads of all entries in the books that show the record a gate found."""
    service = world.inland.service
    assert service is not None
    rows = world.books.rows(
        "SELECT device, epoch, seq, slot FROM entries WHERE length(slot) > 0"
        f" AND type IN ({OUTCOME}, {REFUSAL}, {OBS})"
    )
    runs = [(device, epoch, seq, bytes(32), [slot]) for device, epoch, seq, slot in rows]
    return [bytes(opened.payload) for opened in service.keyring.unseal(runs)]


def _packages_arrived(world: "World") -> None:
    """T9, X-5: what authorities want last is what every gate has, and every order is carried out.

    Wanted is what people did: the newest tariff of the gate's area, every card they listed and no
    other one, at the generation they listed it for.
    """
    world.checked["arrived"] += 1
    # Some nobody brings to a dock, or a slot of their flash takes nothing any more.
    sound = [g for g in world.gates() if g.device not in world.lost and not g.bad_blocks]
    for lacks in filter(None, map(world.lacks, sound)):
        wrong(world, "arrived", lacks)
    for card in range(world.options.cards):
        orders = world.model.orders.open(card)
        if not sound:  # what is still wanted waits for a gate that takes lists
            wanted = world.model.orders.wanted(card, world.now_s)
            orders = [number for number in orders if number not in wanted]
        if orders and not world.nobody_knows(card):
            said = "is neither on it nor paid back"
            wrong(world, "arrived", f"card {card + 1}: order {orders[0]} of the web {said}")


def _inventions_are_cases(
    world: "World", cases: set[Writer], named: set[int], unheard: set[Writer]
) -> dict[int, int]:
    """T6, T13: what a thief invented moves no money once the ledger was told of that counter.

    Until then it is a debit like any other: return the cents of those, card by card. Its card is
    among the `named`, of which people are told, where the books can tell: see `_can_be_told`.
    """
    ahead: dict[int, int] = {}
    seen = set(world.books.rows("SELECT device, low FROM sightings"))
    for device, seq, number, pseudonym, n, d, loads, cents in world.books.rows(INVENTED_SQL):
        world.checked["inventions"] += (device, seq) in world.invented
        if (device, seq) not in world.invented or not cents:
            continue
        card = world.cards_of[bytes(pseudonym)]
        # A commit whose journal is kept away, and which no other gate read, nobody tells of.
        genuine = world.model.by_place.get((card, n), set())
        told = genuine - unheard or any((w[0], w[1] % SEQ_SPAN) in seen for w in genuine)
        if (device, seq) in cases or told:
            wrong(world, "T13", f"{cents} invented cents of entry {device}/{seq} are in the books")
        ahead[card] = ahead.get(card, 0) + cents
        if number not in named and (d > loads or _can_be_told(world, card, n, unheard)):
            said = f"card {card + 1}: {cents} invented cents at n {n}, D {d} L {loads}, and no case"
            wrong(world, "T13", said)
    return ahead


def _can_be_told(world: "World", card: int, n: int, unheard: set[Writer]) -> bool:
    """Say whether the ledger has heard of commits that an invented one at `n` does not fit to.

    The very next one after all the others fits, until the card is used again: one that was put
    back takes nothing at the counter, and a card nobody holds to a reader any more says nothing.
    """
    heard = [
        p[1] for p, writers in world.model.by_place.items() if p[0] == card and writers - unheard
    ]
    return n != max(heard, default=0) + 1


def clones_are_found(world: "World", claimed: set[Writer], found: set[Writer]) -> None:
    """Both branches of a copied card told => FORK; and no fork without a copy."""
    world.checked["clones"] += len(found - world.invented)
    for place in model_books.forks(world.model):
        writers = world.model.by_place[place] & claimed
        if len(writers) > 1 and not writers <= found:
            wrong(world, "clone", f"card {place[0] + 1}: two commits at n {place[1]}, no fork")
    for writer in found - world.invented:
        tx = world.model.by_writer.get(writer)
        if tx is None or tx.card not in world.model.doubtful:
            wrong(world, "clone", f"entry {writer} is called a fork, its card has no copy")
