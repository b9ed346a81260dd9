"""Any fare tables at all: a tariff that reads back, or a sentence."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.gtfs import GtfsError
from backend_sync.tariffs.import_fares import import_fares
from backend_sync.tariffs.losses import report
from backend_sync.tariffs.tariff_text import tariff_text
from tests.backend_sync.feed_files import folder
from tests.backend_sync.test_import_fares import V1, V2

RICH = {
    **V2,
    "fare_products": "fare_product_id,fare_product_name,rider_category_id,fare_media_id,amount,"
    "currency\none,One,all,card,2.00,EUR\none,One,kid,card,1.00,EUR\ntwo,,,,3.00,EUR\n"
    "far,Far,,app,4.50,EUR\nday,Day,,card,9.00,EUR\nday,Day,,app,8.00,EUR\n",
    "fare_leg_rules": "leg_group_id,network_id,from_area_id,to_area_id,from_timeframe_group_id,"
    "fare_product_id,rule_priority\na,,A,A,,one,\na,,A,B,,two,1\nb,,B,A,,two,\nb,,B,B,,one,\n"
    "c,,C,,,far,\nc,,C,C,off,one,\na,,A,C,off,two,\nd,,,,,day,\n",
    "fare_transfer_rules": "from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,"
    "duration_limit_type,fare_transfer_type,fare_product_id\na,b,,5400,1,0,\nc,c,2,,,1,one\n",
    "rider_categories": "rider_category_id,rider_category_name,is_default_fare_category\n"
    "all,All,1\nkid,Kid,\n",
    "fare_media": "fare_media_id,fare_media_type\ncard,2\napp,4\n",
    "timeframes": "timeframe_group_id,start_time,end_time,service_id\noff,09:00:00,12:00:00,daily\n"
    "year,,,daily\n",
}
WORDS = st.sampled_from(
    ["A", "B", "C", "one", "two", "far", "all", "kid", "card", "app", "off", "year", "daily", "N",
     "", "0", "1", "2", "-1", "2.00", "-3", "EUR", "SEK", "08:00:00", "24:00:00", "é", '"', "+",
     "*", "adult", "near", "wide", "3600"]
)  # fmt: skip


@st.composite
def fare_files(draw):
    """Good fare tables of one version or both, with some cells and rows changed."""
    kinds = draw(st.sampled_from([(RICH,), (RICH,), (V1,), (RICH, V1)]))
    changes = {name: text for tables in kinds for name, text in tables.items()}
    for _ in range(draw(st.integers(0, 5))):
        name = draw(st.sampled_from(sorted(changes.keys() - {"areas", "stop_areas"})))
        head, *rows = changes[name].strip("\n").split("\n")
        if rows and draw(st.integers(0, 3)):
            at = draw(st.integers(0, len(rows) - 1))
            cells = rows[at].split(",")
            column = draw(st.integers(0, len(cells) - 1))
            likely = sorted({row.split(",")[column : column + 1][0] for row in rows} | {""})
            cells[column] = draw(st.sampled_from(likely) if draw(st.integers(0, 3)) else WORDS)
            rows[at] = ",".join(cells)
        elif rows:
            del rows[draw(st.integers(0, len(rows) - 1))]
        changes[name] = "\n".join([head, *rows]) + "\n"
    return changes


@pytest.mark.requirement("T22")
@settings(max_examples=300, deadline=None)
@given(changes=fare_files())
def test_any_fares_give_a_tariff_that_reads_back_or_a_sentence(changes):
    with tempfile.TemporaryDirectory() as place:
        feed = folder(Path(place) / "feed", **changes)
        try:
            draft = import_fares(feed)
        except GtfsError:
            return
        path = Path(place) / "tariff.toml"
        path.write_text(tariff_text(draft, 9), "utf-8")
        assert read_tariff(path).book.tables
        assert report(draft.losses) and json.loads(report(draft.losses, as_json=True))
