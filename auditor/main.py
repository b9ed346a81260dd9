"""`tornello verify-settlement DIR`: recompute settled days without trusting who settled them.

From the signed batches, their lines, the tariff packages and the slots that the edges carried, all
of it in DIR: signature, Merkle root, H of every device, a line for every slot that could earn, each
price by its tariff, splits, tax, totals. Needs no ledger, no secret key and no database.

Exit code 0 = the same to the cent, 1 = a difference (DIFFERS: the first), 2 = cannot be read.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import SystemRandom
from typing import Any

from auditor.folder import Folder, FolderError, public_key
from card_layouts.codec.timestamps import to_unix
from card_layouts.errors import LayoutError, RangeError, SealError
from card_layouts.settlement.batch import COLUMNS
from card_layouts.settlement.check import Checker, Report
from card_layouts.settlement.openings import check_openings

SHOWN = ("operators", "payers", "tax", "clearing", "passes", "uses", "shared")
FINDINGS_SHOWN = 20


def main(arguments: Sequence[str]) -> int:
    """Check one folder; print what was recomputed, or what differs."""
    parser = _parser()
    options = parser.parse_args(list(arguments))
    if options.sample < 0:
        parser.error(f"--sample {options.sample}: wanted a number from 1 on")
    try:
        folder = Folder(options.folder)
        public = public_key(options.public, "--public") if options.public else folder.public()
        witness, edges = folder.witness()
        if options.sample:
            print("\n".join(_sample(witness.names(), options.sample)))
            return 0
        checker = Checker(public, folder.packages(), witness)
        checker.foresee(lines for _, _, lines in folder.each())
        reports, compared = [], 0
        for name, batch, lines in folder.each():
            try:
                reports.append(checker.check(batch, lines))
            except (LayoutError, RangeError, SealError) as error:
                reports.append(Report.unreadable(len(reports) + 1, f"{name}: {error}"))
                break
        if reports:
            reports[-1].findings.extend(checker.end())
            compared, findings = check_openings(checker, folder.openings())
            reports[-1].findings.extend(findings)
    except FolderError as error:
        print(f"verify-settlement: {error}", file=sys.stderr)
        return 2
    differs = any(report.findings for report in reports)
    waiting, again = checker.waiting()
    if options.json:
        found = {"agrees": not differs, "public": public.hex(), "edges": edges, "opened": compared,
                 "waiting": waiting, "to_come_again": again}  # fmt: skip
        print(json.dumps({**found, "batches": [_plain(report) for report in reports]}, indent=1))
    else:
        words = _words(reports, public, edges, compared)
        if waiting:
            # A later batch has them, or the newest ones were taken out of the folder.
            words.insert(-1, f"{waiting} slots that edges carried are in no batch yet")
        if again:
            words.insert(-1, f"{again} slots that edges carried the books do not hold again yet")
        print("\n".join(words))
    return int(differs)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tornello verify-settlement",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="a demo's folder, or an export")
    parser.add_argument(
        "--public", metavar="HEX", help="the ledger's public key; otherwise DIR says it itself"
    )
    parser.add_argument(
        "--sample", type=int, default=0, metavar="N",
        help="only draw N slots whose blocks the ledger shall open for you",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="as JSON")
    return parser


def _sample(names: Sequence[tuple[int, int, int]], count: int) -> list[str]:
    """Return what to ask the ledger for. Nobody can foresee it, or it would prove nothing."""
    drawn = sorted(SystemRandom().sample(names, min(count, len(names))))
    asked = " ".join(f"--slot {device}:{epoch}:{seq}" for device, epoch, seq in drawn)
    return [f"./tornello settlement open PLACE {asked} --to DIR/openings.cbor"]


def _words(
    reports: Sequence[Report], public: bytes, edges: Sequence[str], compared: int
) -> list[str]:
    lines = [f"ledger's key {public.hex()[:16]}..., slots of {', '.join(edges)}"]
    for report in reports:
        lines += ["", *_report_words(report)]
    findings = [finding for report in reports for finding in report.findings]
    lines.append("")
    if compared:
        lines.append(f"{compared} opened slots were compared with their lines")
    if findings:
        lines.append(f"DIFFERS: {findings[0]}")
    else:
        lines.append(f"{len(reports)} batches recomputed: the same to the cent.")
    return lines


def _report_words(report: Report) -> list[str]:
    if not report.body:
        return report.findings
    body = report.body
    closed = datetime.fromtimestamp(to_unix(body["closed_at"]), UTC).isoformat()
    lines = [
        f"batch {report.number}: service day {day_text(body['day'])}, closed at {closed},"
        f" {report.lines} lines of {len(body['devices'])} devices, root {body['root'].hex()[:16]}"
    ]
    if report.put_back_to is not None:
        lines.append(_put_back_words(report.put_back_to, report.number))
    said = body["sums"]
    lines.append(
        f"lines sum {money(report.sum)} = batch sum {money(said[1])} = REV movement"
        f" {money(said[2])}; unassigned {said[3]}"
        if report.sum == said[1] == said[2]
        else f"lines sum {money(report.sum)}, batch sum {money(said[1])}, REV movement"
        f" {money(said[2])}; unassigned {said[3]}"
    )
    if report.on_trust:
        lines.append(f"of it {money(report.on_trust)} that no slot tells of: the ledger's word")
    if report.unpriced:
        lines.append(f"{report.unpriced} lines whose price hangs on more than they say")
    if report.unread:
        lines.append(f"{report.unread} slots that nobody can open: the ledger's word")
    if report.forged:
        lines.append(f"{report.forged} slots are called forged: the ledger's word without a sample")
    for name in SHOWN:
        if body[name]:
            lines += [f"  {name}: {', '.join(COLUMNS[name])}"]
            lines += ["    " + "  ".join(map(str, row)) for row in body[name]]
    more = len(report.findings) - FINDINGS_SHOWN
    lines += [f"differs: {finding}" for finding in report.findings[:FINDINGS_SHOWN]]
    return [*lines, f"and {more} more"] if more > 0 else lines


def _put_back_words(last: int, number: int) -> str:
    """Say which batches the books did not remember when they closed this one."""
    to = f"the end of batch {last}" if last else "before their first batch"
    first, newest = last + 1, number - 1
    batches = f"batch {first}" if first == newest else f"batches {first} to {newest}"
    return f"its books had been put back to {to}, and took over {batches} as they were signed"


def _plain(report: Report) -> dict[str, Any]:
    return {
        "number": report.number,
        "lines": report.lines,
        "sum": report.sum,
        "unpriced": report.unpriced,
        "on_trust": report.on_trust,
        "unread": report.unread,
        "forged": report.forged,
        "put_back_to": report.put_back_to,
        "findings": report.findings,
        "batch": {name: _hexed(value) for name, value in report.body.items()},
    }


def _hexed(value: Any) -> Any:
    if isinstance(value, list):
        return [_hexed(item) for item in value]
    return value.hex() if isinstance(value, bytes) else value


def money(cents: int) -> str:
    """Return cents as people write them."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100:,}.{abs(cents) % 100:02}"


def day_text(day: int) -> str:
    """Return a day since 2020-01-01 as a date."""
    return (date(2020, 1, 1) + timedelta(days=day)).isoformat()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
