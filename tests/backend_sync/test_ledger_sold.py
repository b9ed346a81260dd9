"""What a card says of its group and its contract must be what the ledger sold (D23)."""

from dataclasses import replace

import pytest

from backend_sync.ledger.differences import differences
from card_layouts.answers import ACCEPTED
from card_layouts.cards.card_layout import FILE_S, S
from simulator.worlds import product_tariff as p
from simulator.worlds.tap_world import AID, NOW
from tests.backend_sync.audited_worlds import (
    TARIFFS,
    Town,
    audit_all,
    audited,
    post,
    verdicts,
)
from tests.firmware.product_worlds import A_ONLY, SEASON

pytestmark = pytest.mark.requirement("D23", "W-113")


def test_a_card_of_another_group_than_the_one_it_was_sold_for_is_a_case(books, ring):
    town = Town(group=p.CHILD)
    assert town.tap(NOW) == ACCEPTED
    books.import_batches([Town().batch()])  # the delivery was of adults' cards
    books.import_issues([town.issue_row()])
    post(books, town.slots())
    audit_all(books)
    [found] = differences(books.database, ring, TARIFFS)
    assert found["validator"] != found["ledger"]
    assert books.report()["rerated"]["differences"] == 1


def test_a_pass_with_zones_that_were_not_sold_is_a_case(books, ring):
    town = Town({**SEASON, "zones": A_ONLY})
    files = town.card.image.applications[AID].files
    forged = bytearray(files[FILE_S].data)
    S.put(forged, "d_zones0", SEASON["zones"])
    files[FILE_S] = replace(files[FILE_S], data=bytes(forged))
    assert town.tap(NOW) == ACCEPTED
    audited(books, town)
    assert "differences" in verdicts(books).values()
    [found] = differences(books.database, ring, TARIFFS)
    assert "zones" in found["ledger"]
