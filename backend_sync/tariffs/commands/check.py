"""`tornello tariff check FILE...`: everything that is wrong with a tariff, and what to do."""

import argparse
from pathlib import Path

from backend_sync.tariffs.commands.failure import WrongUse
from backend_sync.tariffs.commands.output import (
    beside,
    counted,
    print_findings,
    print_json,
    report_json,
)
from backend_sync.tariffs.linter import RULES, Report, check
from backend_sync.tariffs.self_test import self_test
from backend_sync.tariffs.source import Finding


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tariff", type=Path, nargs="*", help="the tariff, TOML")
    parser.add_argument("--gtfs", type=Path, help="its feed; without it zones.feed is used")
    parser.add_argument("--json", action="store_true", help="print findings as JSON")
    parser.add_argument("--rules", action="store_true", help="list the rules")
    parser.add_argument(
        "--self-test", action="store_true", help="show each rule finding its broken tariff"
    )


def run(options: argparse.Namespace) -> int:
    alone = "--rules" if options.rules else "--self-test" if options.self_test else ""
    if alone and options.tariff:
        raise WrongUse(f"{alone} takes no tariff")
    if options.rules:
        for rule in RULES:
            print(f"{rule.rule:<18} {rule.severity:<8} {rule.what}")
        return 0
    if options.self_test:
        return _self_test()
    if not options.tariff:
        raise WrongUse("name a tariff, or --rules, or --self-test")
    reports = [(path, check(path, options.gtfs)) for path in options.tariff]
    if options.json:
        print_json([{"tariff": str(path), **report_json(report)} for path, report in reports])
    else:
        for path, report in reports:
            _print(path, report)
    return 0 if all(report.is_clean for _path, report in reports) else 1


def _print(path: Path, report: Report) -> None:
    if report.findings:
        print_findings(path, report.findings)
    else:
        print(f"{path}: {_summary(report)}")
    for (rule, reason), findings in _by_reason(report).items():
        more = f" and {len(findings) - 1} more" if len(findings) > 1 else ""
        first = beside(path, findings[0])
        print(f"{first.place}: {rule}: accepted: {first.found}{more} ({reason})")


def _summary(report: Report) -> str:
    assert report.authored is not None
    book, feed = report.authored.book, report.feed
    parts = [
        "in order",
        counted(len(book.products), "product"),
        counted(len(book.groups), "group"),
        f"zones {', '.join(book.zones)}",
        f"{len(feed.stops):,} stops" if feed else "no feed: stops and trips were not checked",
        counted(len(report.accepted), "warning") + " accepted",
    ]
    return f"{book.name}: {'; '.join(parts)}"


def _by_reason(report: Report) -> dict[tuple[str, str], list[Finding]]:
    found: dict[tuple[str, str], list[Finding]] = {}
    for finding, reason in report.accepted:
        found.setdefault((finding.rule, reason), []).append(finding)
    return found


def _self_test() -> int:
    result = self_test()
    for miss in result.misses:
        print(miss)
    for finding in result.unaccepted:
        print(finding)
    print(result)
    return 0 if result.is_passed else 1
