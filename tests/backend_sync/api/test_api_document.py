"""The document can be read by a person: in sentences, with examples that are right, as a page."""

import json
from html.parser import HTMLParser

import pytest
from markupsafe import escape

from backend_sync.api.app import ROUTES, document_of_routes
from backend_sync.api.desk import _page
from backend_sync.api.examples import ANSWERS, PROBLEM, REQUESTS
from backend_sync.api.problems import MEDIA, Problem
from backend_sync.api.routes import BASE, PUBLIC
from tests.backend_sync.api.test_api_rights import ROWS

pytestmark = pytest.mark.requirement("T20")


@pytest.fixture(scope="module")
def document():
    return document_of_routes()


@pytest.mark.parametrize("row", ROUTES, ids=lambda row: row.handler)
def test_an_operation_says_what_it_wants_what_it_gives_and_how_it_refuses(document, row):
    operation = document["paths"][BASE + row.path][row.method.lower()]
    assert operation["summary"] == row.summary and operation["tags"]
    assert row.right in operation["description"] or row.right in (PUBLIC, "signed in")
    for parameter in operation.get("parameters", ()):
        assert parameter["schema"].keys() & {"type", "pattern", "anyOf", "enum", "minimum"}
    refusals = {status for status in operation["responses"] if status[0] == "4"}
    assert refusals >= ({"422"} if row.right == PUBLIC else {"401", "403", "422", "429"})
    for status in refusals:
        answer = operation["responses"][status]
        assert answer["description"] and MEDIA in answer["content"]
    given = operation["responses"][str(row.status)]["content"]
    if "application/json" in given and row.answer is not None and row.handler in ANSWERS:
        assert given["application/json"]["example"] == ANSWERS[row.handler]
    taken = operation.get("requestBody", {}).get("content", {})
    assert ("application/json" in taken) == (row.handler in REQUESTS)


def test_every_answer_in_json_has_an_example_and_each_is_one_of_its_model(document):
    models = {row.handler: row.answer for row in ROUTES if hasattr(row.answer, "model_validate")}
    assert set(models) == set(ANSWERS)
    for name, model in models.items():
        assert model.model_validate(ANSWERS[name]).model_dump() == ANSWERS[name], name
    assert Problem.model_validate(PROBLEM)


def test_every_request_of_the_examples_is_taken_as_one(shared):
    """None of them is 422: wrong values; what there is none of here may be 404 or 409."""
    client = {"sell": "carl", "card_code": "dora", "check_municipality": "dora",
              "put_in_force": "olli", "chain_block": "olli"}  # fmt: skip
    for name, body in REQUESTS.items():
        row = ROWS[name]
        path = row.path.format(number=99)
        headers = {"Idempotency-Key": f"example-{name}"}
        asked = shared.client(client.get(name, "wanda"))
        answer = asked.request(row.method, path, json=body, headers=headers)
        assert answer.status_code in (200, 201, 404, 409), (name, answer.text)


class Reader(HTMLParser):
    """What a page holds: ids, links, whatever would make a browser ask for more."""

    def __init__(self):
        super().__init__()
        self.ids, self.links, self.asked, self.open = [], [], [], []

    def handle_starttag(self, tag, attributes):
        said = dict(attributes)
        self.ids += [said["id"]] if "id" in said else []
        self.links += [said["href"]] if tag == "a" else []
        self.asked += [said.get("src") or said.get("href")] if tag != "a" else []
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_shows_every_operation_and_asks_nobody_for_anything(shared):
    answer = shared.with_key("").get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers.get_list("content-security-policy")
    assert len(policy) == 1 and "default-src 'none'; style-src 'sha256-" in policy[0]
    page = Reader()
    page.feed(answer.text)
    assert page.open == [] and not any(page.asked)
    assert {row.handler for row in ROUTES} <= set(page.ids)
    for link in page.links:
        assert link == "openapi.json" or link.removeprefix("#") in page.ids
    for row in ROUTES:
        assert f"<code>{BASE}{row.path}</code> {escape(row.summary)}" in answer.text
    known = {"If-None-Match": answer.headers["etag"]}
    assert shared.with_key("").get("/", headers=known).status_code == 304


def test_a_word_of_the_document_is_never_html_on_the_page(document):
    words = "<script>alert(1)</script>"
    said = json.loads(json.dumps(document))
    said["info"]["title"] = said["paths"][f"{BASE}/me"]["get"]["description"] = words
    shown = _page(json.dumps(said)).decode()
    assert "<script" not in shown and shown.count("&lt;script&gt;") == 3
