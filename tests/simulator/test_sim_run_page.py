"""The page of `sim run --html`: a place that takes no file is told, and the result as well."""

import pytest

from simulator.commands.main import main


@pytest.mark.requirement("D19")
def test_a_page_that_cannot_be_written_is_told_after_the_result(tmp_path, capsys):
    page = tmp_path / "nowhere" / "page.html"
    assert main(["run", "--taps", "0", "--no-faults", "--html", str(page)]) == 1
    told = capsys.readouterr().out
    assert "1 histories" in told
    assert f"WRONG --html {page}: No such file or directory" in told
