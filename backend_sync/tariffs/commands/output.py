"""How findings are shown: one line each for people, or JSON for programs."""

import json
import sys
from pathlib import Path
from typing import Any

from backend_sync.tariffs.linter import ERROR, Report
from backend_sync.tariffs.source import Finding, Place


def counted(number: int, noun: str) -> str:
    """Return "1 error", "2 errors"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def print_findings(path: Path, findings: list[Finding]) -> None:
    """Print on standard error how many findings the tariff `path` has, then one line for each."""
    errors = sum(finding.severity == ERROR for finding in findings)
    parts = [counted(errors, "error")] if errors else []
    parts += [counted(len(findings) - errors, "warning")] if len(findings) > errors else []
    print(f"{path}: {', '.join(parts)}", file=sys.stderr)
    for finding in findings:
        print(beside(path, finding), file=sys.stderr)


def beside(path: Path, finding: Finding) -> Finding:
    """Return a finding whose file is found from where the reader stands, as `path` is."""
    return finding._replace(place=Place(str(path.parent / finding.place.file), finding.place.line))


def finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "file": finding.place.file,
        "line": finding.place.line,
        "rule": finding.rule,
        "severity": finding.severity,
        "found": finding.found,
        "wanted": finding.wanted,
        "remedy": finding.remedy,
    }


def report_json(report: Report) -> dict[str, Any]:
    return {
        "findings": [finding_json(finding) for finding in report.findings],
        "accepted": [
            {**finding_json(finding), "reason": reason} for finding, reason in report.accepted
        ],
    }


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=1, ensure_ascii=False))
