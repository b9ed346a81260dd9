"""One example of every request and answer that is JSON, for who reads the document.

Values belong together: one card, one sale, one closed day. Tests hold each to its model.
"""

from typing import Any

TIME = "2026-06-04T06:05:00Z"
SALE = {
    "device": 31, "place": 1, "kind": "load", "of": 0, "card": 17, "action": 4711, "product": 0,
    "cents": 2000, "rounding": 0, "paid": "cash", "channel": "counter", "clerk": 5, "shift": 1,
}  # fmt: skip
ORDER = {
    "action": 536870912, "kind": "product", "product": 2, "cents": 4800, "state": "CREATED",
    "status": "waiting: goes onto the card at its next tap, once validators know it",
    "device": None, "stop": None, "day": None, "money_back": False,
}  # fmt: skip
TARIFF = {
    "version": 1, "valid_from": "2026-01-01", "valid_to": "2026-12-31", "in_force": True,
    "bytes": 5316, "sha256": "a" * 64,
}  # fmt: skip
VERSION = {
    "id": 3, "operator": 10, "number": 2, "sha256": "b" * 64, "bytes": 18204,
    "first_day": "2026-06-01", "last_day": "2026-12-31", "stops": 412, "routes": 18,
    "trips": 2044, "in_force_from": ["2026-06-08"],
}  # fmt: skip
BLOCK = {
    "version": 3, "name": "k1", "trips": [
        {"trip": "t1", "route": "r", "departs": "08:00", "arrives": "08:11"},
        {"trip": "t2", "route": "r", "departs": "08:20", "arrives": "08:31"},
    ],
}  # fmt: skip
PRODUCT = {
    "choice": "5f0c8a1e22d94b37", "product": 2, "name": "season", "zones": "A+B",
    "group": "adult", "length": 30, "unit": "days", "cents": 6400,
}  # fmt: skip
RIDE = {
    "transaction_id": "1", "service_date": "2026-06-04", "event_timestamp": TIME,
    "fare_action": "Enter", "amount_cents": 240, "currency_type": "EUR", "full_cents": 240,
    "billed_cents": 0, "payer": "", "authority": 1, "issuer": 1, "operator": 10,
    "device_id": "1", "trip": None, "stop_id": "0", "num_riders": 1, "rider_category": "0",
    "concession": 0, "fare_product": "1", "tariff": 1, "zones": 16384, "transfers": 0,
    "fare_media_id": "Smart card or ticket", "token_id": None,
}  # fmt: skip
POSTING = {
    "posting": 1, "transfer": 1, "account": "LIAB:1", "kind": "LIAB", "cents": -240,
    "currency": "EUR", "rule": "RIDE", "sale": None,
}  # fmt: skip
TAP = {
    "at": TIME, "kind": "ride", "state": "posted", "cents": 240, "day": "2026-06-04",
    "authority": 1, "operator": 10, "product": 1, "tariff": 1, "zones": 16384,
    "full_cents": 240, "charged_cents": 240, "transfers": 0,
}  # fmt: skip

REQUESTS: dict[str, dict[str, Any]] = {
    "sell": {"card": 17, "choice": "load", "cents": 2000, "paid": "cash", "shift": 1},
    "order": {"card": 17, "choice": PRODUCT["choice"], "cents": 6400, "days": 30},
    "card_code": {"card": 17},
    "card_proof": {"code": "K7QX2MBW9A"},
    "check_municipality": {"identity": "010190-123A", "municipality": "Koivula"},
    "put_in_force": {"from_day": "2026-06-08"},
    "chain_block": {"name": "k1", "trips": ["t1", "t2"]},
}
ANSWERS: dict[str, dict[str, Any]] = {
    "me": {"user": "carl", "role": "sales point", "authority": 1, "operator": 0,
           "point": "kamppi", "rights": ["own.see", "sales.make"], "key": "0f1e2d3c4b5a",
           "expires": 0},
    "tariffs": {"authority": 1, "items": [TARIFF]},
    "devices": {"items": [{"device": 41, "epoch": 0, "held": 120, "newest": 120, "missing": "",
                           "quarantined": 0}], "next": None},
    "take_batch": {"entries": 3, "acknowledgements": [{"device": 41, "epoch": 0, "seq": 123}],
                   "signed": "AAECAw=="},
    "operating_versions": {"items": [VERSION]}, "upload_feed": VERSION, "put_in_force": VERSION,
    "block": BLOCK, "chain_block": BLOCK, "dissolve_block": {**BLOCK, "trips": []},
    "products": {"authority": 1, "tariff": 1, "valid_from": "2026-01-01",
                 "valid_to": "2026-12-31", "products": [PRODUCT],
                 "loads": [{"groups": "adult, youth", "least_cents": 2000, "most_cents": 12000,
                            "step_cents": 500}]},
    "sales": {"items": [SALE], "next": None}, "sell": SALE, "sale": SALE,
    "void": {**SALE, "place": 2, "kind": "void", "of": 1, "cents": -2000},
    "check_municipality": {"answer": "same"},
    "closed_days": {"items": [{"number": 1, "day": "2026-06-04", "closed_at": 202_521_600}],
                    "next": None},
    "statements": {"number": 1, "statements": [
        {"party": "operator-1-10", "day": "2026-06-04", "currency": "EUR", "due_cents": 480,
         "tables": {}}]},
    "bills": {"number": 1, "bills": [{"account": 900, "product": 10, "rides": 4, "cents": 960}]},
    "journal": {"items": [POSTING], "next": "am9ybgAAAAAAAAAB"},
    "sums": {"number": 1, "sums": [{"kind": "REV", "currency": "EUR", "cents": 410,
                                    "postings": 3}]},
    "card_code": {"code": "K7QX2MBW9A", "seconds": 900},
    "card_proof": {"proof": "c" * 64, "seconds": 1800},
    "card_events": {"items": [TAP], "next": None},
    "order": ORDER, "order_status": ORDER,
    "cancel_order": {**ORDER, "state": "SUPERSEDED", "status": "cancelled, money back",
                     "money_back": True},
    "events": {"items": [RIDE], "next": None},
    "static_files": {"items": [{"authority": 1, "bytes": 18311, "sha256": "d" * 64}]},
}  # fmt: skip
PROBLEM = {
    "type": "urn:tornello:problem:refused", "title": "Refused: nothing was changed",
    "status": 409, "detail": "4700 cents: the price is 4800 by now",
    "instance": "/api/v1/orders",
}  # fmt: skip
