"""`tornello demo --story cash-up`: drivers' cash judged on journals that come late, twice or never.

The real ledger, keyring and cash-up judge simulated shifts twice: when their journals have only
partly come, and when all that will ever come is there. What really lay in each box is known here
and nowhere else. It ends with the equalities of trust.md T18.
"""

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backend_sync.keyring.keyfile import make_keys, write_keys
from backend_sync.keyring.local import LocalKeyring
from backend_sync.ledger.ledger import Ledger
from backend_sync.sales.cash_up import LOSS, SURPLUS, UNJUDGED, CashUp
from backend_sync.sales.evidence import check, check_with
from backend_sync.sales.finding import DECIDED, Finding
from backend_sync.sales.shift_journal import ShiftName
from simulator.bench.ledger_traffic import AUTHORITY
from simulator.prng import Prng
from simulator.worlds.shift_world import (
    DRIVERS,
    FIRST_DRIVER,
    FIRST_SECOND,
    NO_FAULT,
    SHIFT_S,
    Delivery,
    Played,
    Till,
    deliver,
    make_town,
)

SHIFTS_A_TILL = 20
EDGE = "depot"
OFFICE, SECOND = "cashier", "manager"


class StoryClock:
    """The ledger's clock: behind every shift of the story."""

    def __init__(self) -> None:
        self.now = FIRST_SECOND

    def utc_seconds(self) -> int:
        return self.now

    def monotonic_ms(self) -> int:
        return self.now * 1000


class CashUpStory:
    """Some shifts from the first sale to the decided difference."""

    def __init__(self, folder: Path, seed: int, shifts: int, url: str = "") -> None:
        ring = folder / "keyring"
        ring.mkdir(parents=True, exist_ok=True)
        write_keys(ring / "keys.json", make_keys([AUTHORITY], seed=f"cash-up {seed}"))
        self.keyring = LocalKeyring(ring)
        self.clock, self.prng = StoryClock(), Prng(seed)
        url = url or f"sqlite:///{folder / 'ledger.db'}"
        self.ledger = Ledger(url, self.clock, self.keyring, {}, AUTHORITY)
        self.desk = CashUp(self.ledger)
        self.traffic = make_town(self.keyring, -(-shifts // SHIFTS_A_TILL))
        self.till: Till | None = None
        self.ledger.import_issues(self.traffic.issues())
        self.shifts = shifts
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []

    def close(self) -> None:
        self.ledger.close()
        self.keyring.close()

    def play(self) -> dict[str, Any]:
        """Play all; return the figures."""
        played = [self._play_shift(number) for number in range(self.shifts)]
        self._post([d.first for _, d in played])
        for one, _ in played:
            self._count(one)
            self._judge_early(one)
        self._post([d.later for _, d in played])
        self._settle_suspense()
        for device in sorted({one.device for one, delivery in played if delivery.lost}):
            self._give_up(device)
        for one, delivery in played:
            self._judge_late(one, delivery)
        return self._figures()

    def _play_shift(self, number: int) -> tuple[Played, Delivery]:
        if self.till is None or number % SHIFTS_A_TILL == 0:
            made = self.traffic.devices[number // SHIFTS_A_TILL]
            self.till = Till(made, self.keyring, self.prng.fork(f"till {made.device}"))
        driver = FIRST_DRIVER + number % DRIVERS
        one = self.till.play(self.traffic, driver, self.prng.between(0, 9))
        self.clock.now = max(self.clock.now, FIRST_SECOND + (self.till.shifts + 1) * SHIFT_S)
        delivery = deliver(one, self.prng)
        for fault in (*delivery.faults, *one.events, one.fault):
            self.counts[fault] += fault != NO_FAULT
        return one, delivery

    def _post(self, runs: list[list[Any]]) -> None:
        for at in range(0, len(runs), 50):
            self.ledger.post([(EDGE, [run]) for part in runs[at : at + 50] for run in part])

    def _settle_suspense(self) -> None:
        """Let every card tap again at a device that sells nothing: torn taps come to an end."""
        rest = self.traffic.devices[-1]
        first, before, slots = rest.seq + 1, rest.chain, list[bytes]()
        for _ in range(3):
            for number in range(len(self.traffic.uids)):
                slots += self.traffic.tap(rest, number)
        for at in range(0, len(slots), 2000):
            run = (rest.device, 0, first + at, before, slots[at : at + 2000])
            self.ledger.post([(EDGE, [run])])

    def _give_up(self, device: int) -> None:
        """Two people decide that what has not come by now is lost for ever."""
        for first, last in self.desk.missing(device, 0):
            self.desk.give_up(device, 0, first, last, "flash burnt", OFFICE, SECOND)
            self.counts["given_up"] += last - first + 1

    def _count(self, one: Played) -> None:
        name = _name(one)
        self.desk.count(name, one.driver, one.counted_cents, OFFICE)
        paid = self.desk.pay_in(name, one.driver, OFFICE)
        if paid != one.counted_cents or self.desk.pay_in(name, one.driver, OFFICE):
            self.wrong.append(f"{name}: {paid} paid in, counted {one.counted_cents}")

    def _judge_early(self, one: Played) -> None:
        finding = self.desk.judge(_name(one), one.driver)
        self.counts["early_decided"] += finding.state == DECIDED
        self._compare(one, finding)

    def _judge_late(self, one: Played, delivery: Delivery) -> None:
        name, finding = _name(one), self.desk.judge(_name(one), one.driver)
        self._compare(one, finding)
        self.counts[finding.state] += 1
        if finding.state != DECIDED:
            # A hole for ever stands in the way of its own shift alone.
            if one.fault == NO_FAULT and not delivery.lost:
                self.wrong.append(f"{name}: all has come and nothing is decided: {finding.doubts}")
            self.counts["true_shortages_undecidable"] += one.difference < 0
            if delivery.lost and one.fault == NO_FAULT:
                self._close_unjudged(one, finding)
            return
        self.counts["true_shortages_found"] += one.difference < 0
        self.counts["true_surpluses_found"] += one.difference > 0
        if one.difference:
            decision = LOSS if one.difference < 0 else SURPLUS
            self.desk.decide(name, one.driver, decision, OFFICE, SECOND)
            self.counts["booked_cents"] += one.difference
        if self.counts[DECIDED] % 10 == 1:
            self._check_evidence(one, name)

    def _close_unjudged(self, one: Played, finding: Finding) -> None:
        """Close a shift with a hole; without its start and end, nobody can say what it is."""
        if finding.shift is None:
            return
        known = finding.shift.cents_of(one.driver)
        self.desk.decide(_name(one), one.driver, UNJUDGED, OFFICE, SECOND)
        self.counts["unjudged"] += 1
        self.counts["booked_cents"] += one.counted_cents - known

    def _compare(self, one: Played, finding: Finding) -> None:
        """A figure may only be shown if it is the truth, to the cent."""
        if finding.difference is None:
            return
        if finding.difference != one.difference:
            kind = "false_shortages" if finding.difference < one.difference else "false_surpluses"
            self.counts[kind] += 1
            self.wrong.append(f"{_name(one)}: said {finding.difference}, true {one.difference}")

    def _check_evidence(self, one: Played, name: ShiftName) -> None:
        evidence = self.desk.evidence(name, one.driver)
        found = check(evidence) or check_with(evidence, self.ledger.database, self.keyring)
        self.wrong += [f"{name}: evidence: {words}" for words in found]
        self.counts["evidence_checked"] += 1

    def _figures(self) -> dict[str, Any]:
        counts = self.counts
        missed = counts["true_shortages_undecidable"]
        balances = dict(self.ledger.database.rows(
            "SELECT a.name, sum(p.cents) FROM postings p JOIN accounts a ON a.id = p.account"
            " WHERE a.kind IN ('CASH', 'LOSS') GROUP BY a.name"
        ))  # fmt: skip
        lost = -int(balances.get(f"LOSS:{AUTHORITY}:cash", 0))
        total = int(self.ledger.database.value("SELECT sum(cents) FROM postings"))
        if lost != -counts["booked_cents"]:
            self.wrong.append(f"LOSS holds {lost} cents, {-counts['booked_cents']} were decided")
        return {
            "shifts": self.shifts,
            "decided": counts[DECIDED],
            "decided_before_all_came": counts["early_decided"],
            "not_decided": self.shifts - counts[DECIDED],
            "false_shortages": counts["false_shortages"],
            "false_surpluses": counts["false_surpluses"],
            "true_shortages_found": counts["true_shortages_found"],
            "true_surpluses_found": counts["true_surpluses_found"],
            "true_shortages_not_decidable": missed,
            "slots_given_up": counts["given_up"],
            "closed_unjudged": counts["unjudged"],
            "evidence_checked": counts["evidence_checked"],
            "loss_booked_cents": lost,
            "trial_balance_cents": total,
            "faults": {name: counts[name] for name in sorted(counts) if " " in name
                       and name not in ("for a person", "not counted")},
            "wrong": self.wrong,
            "ok": not self.wrong and not total,
        }  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Tell the story; 0 = every equality holds, 1 = not, 2 = wrong use."""
    parser = argparse.ArgumentParser(
        prog="tornello demo --story cash-up",
        description=(__doc__ or "").split("\n\n")[0],
        epilog="Exit codes: 0 every equality holds, 1 one does not, 2 wrong use.",
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same shifts (1)")
    parser.add_argument("--shifts", type=int, default=200, help="shifts that are played (200)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave ledger and keyring in DIR")
    parser.add_argument("--json", action="store_true", help="the result as JSON")
    options = parser.parse_args(list(arguments))
    if options.shifts < 1:
        parser.error(f"--shifts {options.shifts}: wanted 1 or more")
    if options.keep and (options.keep / "ledger.db").exists():
        parser.error(f"--keep {options.keep}: there is a ledger already; name another folder")
    with tempfile.TemporaryDirectory(prefix="tornello-cash-up-") as folder:
        found = _tell(options.keep or Path(folder), options.seed, options.shifts)
    print(json.dumps(found, indent=1) if options.json else "\n".join(_lines(found)))
    return 0 if found["ok"] else 1


def _tell(folder: Path, seed: int, shifts: int) -> dict[str, Any]:
    story = CashUpStory(folder, seed, shifts)
    try:
        return story.play()
    finally:
        story.close()


def _lines(found: dict[str, Any]) -> list[str]:
    faults = ", ".join(f"{count} {name}" for name, count in found["faults"].items() if count)
    return [
        f"{found['shifts']} shifts were played, counted blind and paid in",
        f"injected: {faults or 'nothing'}",
        f"{found['decided']} decided, {found['decided_before_all_came']} before the last slot came;"
        f" {found['not_decided']} not, for want of evidence",
        f"false shortages {found['false_shortages']}, false surpluses {found['false_surpluses']}",
        f"true shortages found to the cent {found['true_shortages_found']},"
        f" surpluses {found['true_surpluses_found']};"
        f" not decidable {found['true_shortages_not_decidable']}",
        f"lost slots given up {found['slots_given_up']}: {found['closed_unjudged']} shifts closed"
        " unjudged, every later one judged",
        f"evidence checked again {found['evidence_checked']} times;"
        f" booked to LOSS {found['loss_booked_cents']} cents = decided",
        *found["wrong"],
        f"trial balance {found['trial_balance_cents']}:"
        f" {'every equality holds' if found['ok'] else 'WRONG'}",
    ]


def _name(one: Played) -> ShiftName:
    return ShiftName(one.device, 0, one.shift)
