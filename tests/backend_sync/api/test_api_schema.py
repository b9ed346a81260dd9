"""Schemathesis asks every operation what the document says, and what it does not say.

Expected: no server error, no answer that the document does not describe, no wrong value taken, no
right value refused, nothing for who has no key.
"""

import re
from collections import Counter
from contextlib import suppress
from itertools import count

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import AcceptedNegativeData, RejectedPositiveData

from backend_sync.api.app import ROUTES
from backend_sync.api.card_codes import CODE
from backend_sync.api.once import KEY
from backend_sync.api.routes import BASE, PUBLIC
from card_layouts.link.batches import encode_batch
from card_layouts.records.entries import REFUSAL
from tests import figures
from tests.backend_sync.api.api_world import Api
from tests.backend_sync.operating.planners import TOWN_FEED, zipped

# Who asks, by the right of a route: somebody who finds something.
ASKS = {"sales.make": "carl", "own.see": "wanda", "cards.serve": "dora", "customers.change": "dora",
        "depot.exchange": "olli", "operating.change": "olli"}  # fmt: skip
EACH, EACH_FULL, WALKED_FULL, WANTED_FULL = 2, 260, 6_000, 20_000
OPERATIONS = {f"{row.method} {BASE}{row.path}": row for row in ROUTES}
TESTED = OPERATIONS.keys() - {f"GET {BASE}/openapi.json"}  # schemathesis reads that one itself
# The document cannot say which bytes are a batch, whether arro3 is there, nor that who is bound
# to no operator names one; that there is no 30th of February it says in a pattern.
LEAVE_OUT = {f"POST {BASE}/batches", f"GET {BASE}/events/file", f"POST {BASE}/operating-data",
             f"POST {BASE}/operating-data/{{number}}/in-force"}  # fmt: skip
TAKES_NOTHING = {f"GET {BASE}/static", f"GET {BASE}/"}  # so nothing is wrong
CODES = f"POST {BASE}/card-proofs"
numbers = count(1)


@schemathesis.serializer("application/zip")
@schemathesis.serializer("application/cbor")
def as_it_is(_context, value):
    return value


def _is_code(body):
    return isinstance(body, dict) and body.keys() == {"code"} and bool(
        re.fullmatch(CODE, str(body["code"]))
    )  # fmt: skip


class Machines:
    """The machines that ask; what they saw."""

    def __init__(self, folder):
        self.world = Api(folder)
        self.world.close_day()
        self.keys = {name: self.world.key(name) for name in {*ASKS.values(), "alma"}}
        self.seen, self.wrong = Counter(), []
        self.schema = schemathesis.openapi.from_asgi(f"{BASE}/openapi.json", self.world.app)
        self.world.device.put(REFUSAL, {"uid": bytes((4,)) + bytes(6), "observed": bytes(44),
                                        "reason": 1})  # fmt: skip
        batch = encode_batch("edge-1", [self.world.device.run()])
        bodies = st.one_of(st.just(batch), st.binary(max_size=64))
        schemathesis.openapi.media_type("application/cbor", bodies)
        feeds = st.one_of(st.just(zipped(folder, **TOWN_FEED)), st.binary(max_size=64))
        schemathesis.openapi.media_type("application/zip", feeds)

    def headers(self, label):
        row = OPERATIONS[label]
        if row.right == PUBLIC:
            return {}
        return {"Authorization": f"Bearer {self.keys[ASKS.get(row.right, 'alma')]}"}

    def prepare(self, case):
        """Let a case name a card that there is, and its own number where it has one that fits."""
        if isinstance(case.body, dict) and case.meta.generation.mode == GenerationMode.POSITIVE:
            # To JSON Schema 7.0 is an integer; money here is written as it is counted.
            case.body |= {name: int(value) for name, value in case.body.items()
                          if isinstance(value, float)}  # fmt: skip
            case.body |= {"card": self.world.card} if "card" in case.body else {}
            if next(numbers) % 2 and "cents" in case.body:
                case.body |= {"cents": 2000}  # what a counter and a shop may load
                case.body |= {"choice": "load"} if "choice" in case.body else {}
            case.body |= {"trips": ["t1", "t2"]} if "trips" in case.body else {}
        key = case.headers and case.headers.get("Idempotency-Key")
        if key and OPERATIONS[case.operation.label].once and KEY.fullmatch(key):
            case.headers["Idempotency-Key"] = f"case-{next(numbers):08}"

    def check(self, case, answer):
        self.seen[case.operation.label, answer.status_code] += 1
        # A strange parameter whose value is an empty list is not sent: nothing wrong was said.
        is_unsaid = [] in (case.query or {}).values()
        # A link puts its good code in place of whatever wrong body was made.
        is_unsaid |= case.operation.label == CODES and _is_code(case.body)
        leave_out = [AcceptedNegativeData] if is_unsaid else []
        if case.operation.label in LEAVE_OUT:
            leave_out += [RejectedPositiveData]
        try:
            case.validate_response(answer)
        except FailureGroup as found:
            kept = [one for one in found.exceptions if type(one) not in leave_out]
            self.wrong += [
                (case.operation.label, answer.status_code, f"{one} {answer.text} to {case.body!r}")
                for one in kept
            ]


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    made = Machines(tmp_path_factory.mktemp("machines"))
    yield made
    made.world.close()


def ask_each(machines, times):
    """Ask every operation so many times with right and with wrong values."""
    rules = settings(max_examples=times, deadline=None, database=None, derandomize=True,
                     suppress_health_check=list(HealthCheck), phases=[Phase.generate])  # fmt: skip
    for found in machines.schema.get_all_operations():
        operation = found.ok()
        for mode in GenerationMode:
            if mode == GenerationMode.NEGATIVE and operation.label in TAKES_NOTHING:
                continue

            @rules
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case):
                machines.prepare(case)
                machines.check(case, case.call(headers=machines.headers(case.operation.label)))

            ask()


@pytest.mark.requirement("T20", "T21", "T23")
def test_every_operation_answers_as_its_document_says(machines):
    ask_each(machines, EACH)
    assert machines.wrong == []
    assert {label for label, _ in machines.seen} == TESTED
    assert not [status for _, status in machines.seen if status >= 500]
    figures.add("cases asked of /api/v1 by schemathesis", sum(machines.seen.values()))


def test_a_planted_answer_that_the_document_does_not_say_is_found(machines):
    route = next(one for one in machines.world.app.app.routes if one.path == f"{BASE}/me")
    operation = machines.schema[f"{BASE}/me"]["GET"]
    planted = machines.world.app.app.router.routes
    before, machines.wrong = machines.wrong, []
    index = planted.index(route)
    try:
        machines.world.app.app.add_api_route(f"{BASE}/me", lambda: {"user": 1}, methods=["GET"])
        planted[index] = planted.pop()
        case = operation.Case()
        machines.check(case, case.call(headers=machines.headers(operation.label)))
        assert any("schema" in words.lower() for _, _, words in machines.wrong)
    finally:
        planted[index], machines.wrong = route, before


def state_machine(machines):
    class Machine(machines.schema.as_state_machine()):
        def before_call(self, case):
            machines.prepare(case)

        def get_call_kwargs(self, case):
            return {"headers": machines.headers(case.operation.label)}

        def validate_response(self, response, case, *_, **__):
            machines.check(case, response)

    return Machine


def walk(machines, walks, steps, number):
    """Let answers lead on to the next requests, so many times; return how many were asked."""
    rules = settings(max_examples=walks, stateful_step_count=steps, deadline=None, database=None,
                     phases=[Phase.generate], suppress_health_check=list(HealthCheck))  # fmt: skip
    before = sum(machines.seen.values())
    # The books remember earlier walks, so the same steps may lead elsewhere: that ends a walk.
    with suppress(Flaky):
        seed(number)(state_machine(machines)).run(settings=rules)
    return sum(machines.seen.values()) - before


@pytest.mark.requirement("T20")
def test_answers_lead_on_to_requests_that_are_answered_as_well(machines):
    asked = walk(machines, 6, 6, 1)
    assert machines.wrong == [] and asked > 0
    figures.add("of them one after another", asked)


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.requirement("T20", "T21", "T23")
def test_twenty_thousand_cases_find_no_server_error_and_no_violation(machines):
    machines.seen.clear()
    ask_each(machines, EACH_FULL)
    walked, numbers = 0, count(1)
    while walked < WALKED_FULL and not machines.wrong:
        asked = walk(machines, 100, 10, next(numbers))
        assert asked > 0
        walked += asked
    assert machines.wrong == []
    assert not [status for _, status in machines.seen if status >= 500]
    assert {label for label, _ in machines.seen} == TESTED
    assert sum(machines.seen.values()) >= WANTED_FULL
    figures.add("cases of the full run", sum(machines.seen.values()))
    figures.add("of them in walks", walked)
    figures.add("operations of the full run", len(TESTED))
