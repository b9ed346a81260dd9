"""Files that people hand in and nobody sealed: brackets without end are refused with the name."""

from types import SimpleNamespace

import pytest

from backend_sync.ledger import listing
from backend_sync.sales import dispute_commands
from backend_sync.sales.counter import SaleRefused
from backend_sync.sales.evidence import EvidenceFault
from backend_sync.sales.slip_commands import read_sales
from backend_sync.shop.settings import FILE, SettingsError, read_settings
from backend_sync.tariffs.commands import explain

JSON = "[" * 5000
TOML = f"rows = {JSON}"


@pytest.mark.requirement("T23")
@pytest.mark.parametrize(
    ("read", "text", "refusal"),
    [
        (read_sales, JSON, SaleRefused),
        (lambda path: dispute_commands._check(SimpleNamespace(file=path)), JSON, EvidenceFault),
        (explain._read_json, JSON, explain.CommandFailed),
        (listing._entries, JSON, listing.ListingError),
        (listing.read_policy, TOML, listing.ListingError),
        (lambda path: read_settings(path.parent), TOML, SettingsError),
    ],
)
def test_brackets_without_end_are_refused_with_the_files_name(tmp_path, read, text, refusal):
    path = tmp_path / FILE
    path.write_text(text)
    with pytest.raises(refusal, match=path.name):
        read(path)
