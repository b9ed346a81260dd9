"""Files that people hand in and nobody sealed: brackets without end are refused with the name."""

from types import SimpleNamespace

import pytest

from backend_sync.ledger.listing import ListingError, read_policy
from backend_sync.sales import dispute_commands
from backend_sync.sales.counter import SaleRefused
from backend_sync.sales.evidence import EvidenceFault
from backend_sync.sales.slip_commands import read_sales
from backend_sync.shop.settings import FILE, SettingsError, read_settings

DEEP = "[" * 5000


@pytest.mark.requirement("T23")
@pytest.mark.parametrize(
    ("read", "refusal"),
    [
        (read_sales, SaleRefused),
        (lambda path: dispute_commands._check(SimpleNamespace(file=path)), EvidenceFault),
        (read_policy, ListingError),
        (lambda path: read_settings(path.parent), SettingsError),
    ],
)
def test_brackets_without_end_are_refused_with_the_files_name(tmp_path, read, refusal):
    path = tmp_path / FILE
    path.write_text(f"rows = {DEEP}" if refusal in (ListingError, SettingsError) else DEEP)
    with pytest.raises(refusal, match=path.name):
        read(path)
