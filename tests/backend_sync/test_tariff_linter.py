"""The linter: each rule finds its broken tariff, and accepts only what an author may accept."""

import shutil
from pathlib import Path

import pytest

from backend_sync.tariffs.linter import RULES, WARNING, check
from backend_sync.tariffs.self_test import BROKEN, SHIPPED, self_test

MIKKELI = SHIPPED / "mikkeli" / "tariff.toml"


@pytest.mark.requirement("D31")
def test_every_rule_finds_its_broken_tariff_and_the_shipped_ones_are_clean():
    result = self_test()
    assert result.misses == []
    assert str(result) == (
        "31 rules, 31 broken tariffs, 31 found, 0 unaccepted on the shipped ones"
    )


def test_the_self_test_fails_when_a_rule_finds_nothing(tmp_path):
    shutil.copytree(BROKEN, tmp_path, dirs_exist_ok=True)
    repaired = (tmp_path / "age-hole.toml").read_text().replace("[18, 120]", "[17, 120]")
    (tmp_path / "age-hole.toml").write_text(repaired)
    result = self_test(tmp_path)
    assert not result.is_passed
    assert result.misses == ["age-hole.toml: found nothing"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.rule)
def test_a_finding_names_file_line_found_wanted_and_remedy(rule):
    path = BROKEN / f"{rule.rule}.toml"
    for finding in check(path).findings:
        lines = (path.parent / finding.place.file).read_text().splitlines()
        assert 1 <= finding.place.line <= len(lines)
        assert lines[finding.place.line - 1].strip(), finding
        assert finding.found and finding.remedy
        assert str(finding).startswith(f"{finding.place}: {rule.rule}: {finding.found}")


def mikkeli(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    text = MIKKELI.read_text().replace('feed = "gtfs"', f'feed = "{MIKKELI.parent / "gtfs"}"')
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    (tmp_path / "tariff.toml").write_text(text)
    return tmp_path / "tariff.toml"


def test_published_oddities_are_accepted_with_the_reason_written_beside_them(tmp_path):
    report = check(mikkeli(tmp_path))
    assert report.findings == []
    assert {finding.rule for finding, _reason in report.accepted} == {"split-cheaper"}
    assert {finding.about["sizes"] for finding, _reason in report.accepted} == {(6,), (7,)}
    assert all("published table" in reason for _finding, reason in report.accepted)


def test_a_waiver_covers_only_what_it_names(tmp_path):
    findings = check(mikkeli(tmp_path, ("sizes = [6, 7]", "sizes = [7]"))).findings
    assert {finding.about["sizes"] for finding in findings} == {(6,)}
    assert {finding.severity for finding in findings} == {WARNING}


@pytest.mark.parametrize(
    ("waiver", "said"),
    [
        ('"age-hole" = { reason = "no" }', "age-hole is an error, which cannot be accepted"),
        ('"rank-tie" = { reason = "no" }', "nothing found by rank-tie needs this"),
        ('"rank-tied" = { reason = "no" }', 'there is no rule "rank-tied"'),
        ('"inversion-set" = {}', "accept.inversion-set.reason is missing"),
    ],
)
def test_a_waiver_that_accepts_nothing_is_a_finding(tmp_path, waiver, said):
    findings = check(mikkeli(tmp_path, ("[accept]", f"[accept]\n{waiver}"))).findings
    assert [finding.found for finding in findings] == [said]


def test_an_error_stays_an_error_whatever_is_accepted(tmp_path):
    broken = ("[17, 24]", "[18, 24]")
    waiver = ("[accept]", '[accept]\n"age-hole" = { reason = "we like it" }')
    rules = [finding.rule for finding in check(mikkeli(tmp_path, broken, waiver)).findings]
    assert rules == ["age-hole", "accept"]


def test_a_planted_duplicate_price_is_found_with_both_lines(tmp_path):
    line = "child = [126, 169, 207, 262, 322, 420, 513]"
    findings = check(mikkeli(tmp_path, (line, f"{line}\nchild = [125, 169, 207]"))).findings
    assert [finding.found for finding in findings] == [
        "prices.value.child is written here and in line 26"
    ]


def test_two_parts_of_a_window_count_as_one(tmp_path):
    two = '[[windows.night]]\nfrom = "23:00"\nto = "24:00"\n[[windows.night]]\nto = "04:00"\n'
    whole = (
        '[windows.night]                    # assumed\ndays = "all"\nfrom = "23:00"\nto = "04:00"\n'
    )
    report = check(mikkeli(tmp_path, (whole, two)))
    assert report.findings == []
    assert report.authored is not None
    rows = [w for w in report.authored.book.windows if w.name == "night"]
    assert [(w.from_minute, w.to_minute, w.or_window) for w in rows] == [
        (1380, 1440, 3),
        (0, 240, None),
    ]
