"""The linter's own test: one broken tariff for each rule, and the shipped ones without a finding.

`tornello tariff check --self-test` runs it where the linter is installed. Each file is broken in
one way only: its rule must be found, and no other. Source: issue 4, tariff-model.md section 6.
"""

from pathlib import Path
from typing import NamedTuple

from backend_sync.tariffs.linter import RULES, check
from backend_sync.tariffs.source import Finding

FOLDER = Path(__file__).parent
BROKEN = FOLDER / "self_test"
SHIPPED = FOLDER / "shipped"


class SelfTest(NamedTuple):
    rules: int
    broken: int  # files in the folder
    found: int  # whose own rule, and no other, was found
    unaccepted: list[Finding]  # on the shipped tariffs
    misses: list[str]

    @property
    def is_passed(self) -> bool:
        return self.rules == self.broken == self.found and not self.unaccepted

    def __str__(self) -> str:
        return (
            f"{self.rules} rules, {self.broken} broken tariffs, {self.found} found,"
            f" {len(self.unaccepted)} unaccepted on the shipped ones"
        )


def self_test(broken: Path = BROKEN, shipped: Path = SHIPPED) -> SelfTest:
    """Check every broken tariff of a folder against its rule, and every shipped one."""
    files = {path.stem: path for path in sorted(broken.glob("*.toml"))}
    misses = [f"{name}.toml: no rule of this name" for name in files if name not in _IDS]
    found = 0
    for rule in RULES:
        if rule.rule not in files:
            misses.append(f"{rule.rule}: no broken tariff shows it")
            continue
        rules = {finding.rule for finding in check(files[rule.rule]).findings}
        found += rules == {rule.rule}
        if rules != {rule.rule}:
            said = ", ".join(sorted(rules)) or "nothing"
            misses.append(f"{rule.rule}.toml: found {said}")
    unaccepted = [
        finding for path in sorted(shipped.glob("*/*.toml")) for finding in check(path).findings
    ]
    return SelfTest(len(RULES), len(files), found, unaccepted, misses)


_IDS = {rule.rule for rule in RULES}
