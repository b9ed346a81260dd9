"""Every report there is, by name; a report that is not here does not exist."""

import difflib

from backend_sync.reports import by_day, counters, running, settled
from backend_sync.reports.definition import Report, ReportRefused

REPORTS = {
    report.name: report
    for module in (settled, by_day, counters, running)
    for report in module.REPORTS
}


def find(name: str) -> Report:
    """Return the report of that name. Raises: ReportRefused with the nearest one."""
    if name in REPORTS:
        return REPORTS[name]
    near = difflib.get_close_matches(name, REPORTS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(REPORTS)}"
    raise ReportRefused(f"there is no report {name[:40]!r}; {hint}")
