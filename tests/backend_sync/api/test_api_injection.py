"""SQL, paths, formulas and templates in every place that takes text: nothing is run or changed."""

import hashlib
import re
import sqlite3
from urllib.parse import quote

import pytest

from backend_sync.api.app import ROUTES
from backend_sync.api.routes import BASE
from tests import figures
from tests.backend_sync.api.api_world import once, sale

WORDS = ("' OR '1'='1", "1; DROP TABLE postings;--", "1 UNION SELECT secret FROM users",
         "../../etc/passwd", "%00", "=cmd|' /C calc'!A0", "{{7*7}}", "\u202e\u0000", "é" * 200,
         "http://169.254.169.254/")  # fmt: skip


def contents(folder):
    """Return a digest of everything that stands in the databases of money and people."""
    found = {}
    for name in ("ledger.db", "registers.db", "office.db"):
        with sqlite3.connect(folder / name) as database:
            text = "\n".join(database.iterdump())
        found[name] = hashlib.sha256(text.encode()).hexdigest()
    return found


def places(document, row):
    """Return (kind, name) of each parameter and field of a body that takes text."""
    operation = document["paths"][BASE + row.path][row.method.lower()]
    for one in operation.get("parameters", ()):
        yield one["in"], one["name"]
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = schema.get("schema", {}).get("$ref", "").rpartition("/")[2]
    for field in document["components"]["schemas"].get(name, {}).get("properties", {}):
        yield "body", field


def asked(client, row, kind, name, word, body):
    """Ask for one thing with `word` in one place, everything else as it should be."""
    values = dict.fromkeys(re.findall(r"\{(\w+)\}", row.path), 1)
    headers, params = once("injection"), {}
    if kind == "path":
        values[name] = quote(word, safe="")
    elif kind == "query":
        params[name] = word
    elif kind == "header":
        headers[name] = word.encode()
    else:
        body = {**body, name: word}
    return client.request(row.method, row.path.format(**values), params=params, headers=headers,
                          json=body if row.method == "POST" else None)  # fmt: skip


@pytest.mark.requirement("T21", "T20")
def test_words_that_would_be_commands_elsewhere_are_words_here(shared):
    document = shared.app.app.openapi()
    for name in ("carl", "wanda", "alma"):
        shared.client(name)  # making a key stands in the trail
    before, count = contents(shared.folder), 0
    for row in ROUTES:
        client = shared.client({"sales.make": "carl", "own.see": "wanda"}.get(row.right, "alma"))
        for kind, name in places(document, row):
            for word in WORDS:
                answer = asked(client, row, kind, name, word, sale(shared))
                known = kind == "header" and name == "If-None-Match"
                assert answer.status_code < 300 and known or 400 <= answer.status_code < 500, (
                    row.handler, name, word, answer.text,
                )  # fmt: skip
                count += 1
    assert contents(shared.folder) == before
    figures.add("hostile words given to /api/v1", count)
