"""The door of /api/v1: who comes in, what is refused, what is asked once."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, OKPKey, RSAKey

from backend_sync.api.app import ROUTES
from backend_sync.api.once import KEPT_S
from backend_sync.api.rates import Policy
from backend_sync.api.routes import PUBLIC
from backend_sync.api.tokens import SignedTokens, TokensError, read_tokens
from backend_sync.registers.refusals import Refused
from card_layouts.codec.timestamps import to_unix
from tests.backend_sync.api.api_world import Api, once, problem, sale

DAY_S = 86_400


@pytest.mark.requirement("T20", "W-10")
def test_every_route_is_a_row_with_a_right_and_one_without_is_found(shared):
    routes = list(shared.app.app.routes)
    assert [route.row for route in routes] == list(ROUTES)
    assert all(row.right and row.interface for row in ROUTES)
    shared.app.app.add_api_route("/api/v1/open", lambda: "")
    try:
        unmarked = [one for one in shared.app.app.routes if not hasattr(one, "row")]
        assert [route.path for route in unmarked] == ["/api/v1/open"]
    finally:
        shared.app.app.router.routes.pop()


@pytest.mark.requirement("T20")
def test_only_the_document_and_open_data_are_public(shared):
    public = {row.path for row in ROUTES if row.right == PUBLIC}
    assert public == {"/", "/openapi.json", "/static", "/static/{authority}/gtfs.zip"}
    for row in ROUTES:
        if row.right != PUBLIC:
            path = re.sub(r"\{\w+\}", "1", row.path)
            answer = shared.with_key("").request(row.method, path)
            assert "tornello api key" in problem(answer, 401), row
            assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.requirement("T20")
def test_a_key_is_shown_once_and_only_its_hash_is_kept(shared):
    text = shared.key("olli")
    kept = shared.database.rows("SELECT * FROM api_keys")
    assert text not in str(kept) and text.rpartition("_")[2] not in str(kept)
    assert shared.with_key(text).get("/me").json()["user"] == "olli"
    wrong = text[:-1] + ("A" if text[-1] != "A" else "B")
    for none in (wrong, text[:-1], "tornello_000000000000_" + "A" * 43, "x", "a.b", "é"):
        client = shared.with_key("")
        answer = client.get("/me", headers={"Authorization": f"Bearer {none}".encode()})
        problem(answer, 401)


@pytest.mark.requirement("T20", "X-14")
def test_a_key_ends_by_its_day_by_being_withdrawn_and_with_its_user(world):
    boss, text = world.boss(1), world.key("olli", days=2)
    client, number = world.with_key(text), text.split("_")[1]
    assert client.get("/me").status_code == 200
    world.clock.now += 2 * DAY_S
    problem(client.get("/me"), 401)
    world.clock.now -= 2 * DAY_S
    world.registers.users.disable(boss, "olli")
    assert "disabled" in problem(client.get("/me"), 401)
    world.registers.users.disable(boss, "olli", disabled=False)
    world.keys.withdraw(boss, number)
    world.keys.withdraw(boss, number)
    problem(client.get("/me"), 401)
    trail = world.registers.database.rows(
        "SELECT what, subject FROM trail ORDER BY id DESC LIMIT 4"
    )
    assert [tuple(row) for row in trail if "key" in row[0]] == [
        ("withdraw api key", "user:olli"), ("api key", "user:olli"),
    ]  # fmt: skip


@pytest.mark.requirement("X-14", "W-10")
def test_the_trail_shows_keys_to_whose_they_are_also_those_that_do_not_say_whose(world):
    with world.registers.database.transaction():
        world.registers.trail.write("anna", "api key", "user:olli", None, {"label": "of before"})
    world.key("olli")
    shown = {name: world.office.client(name).get("/trail") for name in ("alma", "ferry")}
    assert {answer.status_code for answer in shown.values()} == {200}
    found = {name: answer.text.count(">api key<br>") for name, answer in shown.items()}
    assert found == {"alma": 1, "ferry": 0} and "of before" not in shown["alma"].text


@pytest.mark.requirement("W-11", "T20")
def test_a_key_has_at_most_the_rights_of_its_user_at_this_moment(world):
    few = world.with_key(world.key("carl", ["own.see"]))
    assert few.get("/me").json()["rights"] == ["own.see"]
    assert "sales.make" in problem(few.get("/products"), 403)
    every = world.client("carl")
    assert every.get("/products").status_code == 200
    world.registers.users.grant(world.boss(1), "carl", "sales.make", taken=True)
    problem(every.get("/products"), 403)
    with pytest.raises(Refused, match="does not have the right users.grant"):
        world.key("carl", ["users.grant"])
    with pytest.raises(Refused, match="users.change"):
        world.keys.add(world.registers.users.get("bea"), "carl")


@pytest.mark.requirement("T20")
def test_a_key_cannot_be_made_for_ever_by_wrong_values(world):
    boss = world.boss(1)
    for words, changes in (("label", {"label": "a" * 65}), ("days", {"days": -1}),
                           ("days", {"days": 10_000})):  # fmt: skip
        with pytest.raises(Refused, match=words):
            world.keys.add(boss, "carl", **changes)
    with pytest.raises(Refused, match="there is none"):
        world.keys.withdraw(boss, "nix")


class Issuer:
    """A sign-in service: it signs with keys of its own, and publishes their other halves."""

    def __init__(self, clock):
        self.clock = clock
        self.keys = {"RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
                     "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "ed"})}  # fmt: skip

    def public(self):
        return KeySet(list(self.keys.values())).as_dict(private=False)

    def token(self, algorithm="RS256", key=None, **changes):
        now = to_unix(self.clock.now)
        claims = {"iss": "https://id.example", "aud": ["tornello"], "iat": now, "exp": now + 600,
                  "preferred_username": "olli", **changes}  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        key = key or self.keys[algorithm]
        return jwt.encode({"alg": algorithm, "kid": key.kid}, claims, key,
                          algorithms=[algorithm])  # fmt: skip


@pytest.fixture(scope="module")
def issuer(shared):
    return Issuer(shared.clock)


@pytest.fixture(scope="module")
def signed(shared, issuer):
    """The same world behind a door that takes signed tokens too."""
    (shared.folder / "keys.json").write_text(json.dumps(issuer.public()))
    said = {"issuer": "https://id.example", "audience": "tornello", "jwks": "keys.json",
            "claim": "preferred_username"}  # fmt: skip
    (shared.folder / "oidc.json").write_text(json.dumps(said))
    tokens = read_tokens(shared.folder, shared.clock)
    assert isinstance(tokens, SignedTokens)
    return tokens


@pytest.mark.requirement("T20")
@pytest.mark.filterwarnings("ignore:EdDSA")
@pytest.mark.parametrize("algorithm", ["RS256", "EdDSA"])
def test_a_token_signed_by_the_sign_in_service_is_its_user(shared, issuer, signed, algorithm):
    gate = shared.app.app.routes[0].door.gate
    gate.tokens = signed
    said = shared.with_key(issuer.token(algorithm)).get("/me").json()
    assert (said["user"], said["key"], said["operator"]) == ("olli", "token", 10)


@pytest.mark.requirement("T20")
def test_a_token_with_one_thing_wrong_is_nobody(shared, issuer, signed):
    shared.app.app.routes[0].door.gate.tokens = signed
    now, good = to_unix(shared.clock.now), issuer.token()
    other = RSAKey.generate_key(2048, {"kid": "rsa"})
    head, body, mark = good.split(".")
    unsigned = jwt.encode({"alg": "HS256", "kid": "rsa"}, {"preferred_username": "olli"},
                          OctKey.import_key("secret" * 8))  # fmt: skip
    for token in (
        issuer.token(iss="https://evil.example"), issuer.token(aud="other"),
        issuer.token(exp=now - 120), issuer.token(exp=None), issuer.token(exp=now + 10**6),
        issuer.token(nbf=now + 300), issuer.token(preferred_username=None),
        issuer.token(preferred_username="nobody"), issuer.token(key=other), unsigned,
        f"{head}.{body}.", f"{head}.{body}.{mark[:-4]}AAAA", f"{head}.{body[:-2]}.{mark}", "..",
        "eyJhbGciOiJub25lIn0." + body + ".", "a" * 9000 + "..",
    ):  # fmt: skip
        problem(shared.with_key(token).get("/me"), 401)
    assert shared.with_key(good).get("/me").status_code == 200


def test_a_file_of_a_sign_in_service_that_does_not_fit_is_named(tmp_path, shared):
    for text, words in (("{", "oidc.json"), ("[]", "fields"), ('{"issuer": "a"}', "fields")):
        (tmp_path / "oidc.json").write_text(text)
        with pytest.raises(TokensError, match=words):
            read_tokens(tmp_path, shared.clock)


@pytest.mark.requirement("T20")
def test_who_asks_too_often_waits_and_is_told_how_long(tmp_path):
    made = Api(tmp_path, lived=False, policy=Policy("9/minute", "3/minute", "2/minute"))
    first, second = made.client("carl"), made.client("olli")
    assert [first.get("/me").status_code for _ in range(3)] == [200] * 3
    answer = first.get("/me")
    assert "3 per 1 minute (key)" in problem(answer, 429)
    assert answer.headers["retry-after"] == "60"
    assert second.get("/me").status_code == 200  # another key
    nobody = made.with_key("tornello_000000000000_" + "A" * 43)
    assert [nobody.get("/me").status_code for _ in range(3)] == [401, 401, 429]
    assert second.get("/me").status_code == 200  # others behind the same proxy go on
    assert "(address)" in problem(nobody.get("/openapi.json"), 429)
    made.close()


@pytest.mark.requirement("T20", "W-138")
def test_a_request_sent_again_is_answered_again_and_done_once(world):
    client = world.client("carl")
    first, again = (client.post("/sales", json=sale(world), headers=once(1)) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201) and first.json() == again.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    other = client.post("/sales", json=sale(world, cents=3000), headers=once(1))
    assert "another request had this key" in problem(other, 422)
    elsewhere = client.post("/sales/31/1/void", headers=once(1))
    problem(elsewhere, 422)
    assert world.books("SELECT count(*), sum(cents) FROM slips") == [(1, 2000)]
    # Its answer is forgotten after a week; the books never forget.
    world.clock.now += KEPT_S + 1
    assert "void within 10" in problem(client.post("/sales/31/1/void", headers=once(2)), 409)
    later = client.post("/sales", json=sale(world), headers=once(1))
    assert later.json() == first.json() and "idempotency-replayed" not in later.headers
    assert world.books("SELECT count(*) FROM slips") == [(1,)]


@pytest.mark.requirement("T20")
def test_a_refused_request_keeps_no_key_and_another_user_has_keys_of_his_own(world):
    carl, dora = world.client("carl"), world.client("dora")
    problem(carl.post("/sales", json=sale(world, cents=2001), headers=once(1)), 409)
    assert carl.post("/sales", json=sale(world), headers=once(1)).status_code == 201
    assert dora.post("/sales", json=sale(world), headers=once(1)).json()["device"] == 32
    for headers in ({}, {"Idempotency-Key": "short"}, {"Idempotency-Key": "a b c d e f"},
                    {"Idempotency-Key": "a" * 65}):  # fmt: skip
        detail = problem(carl.post("/sales", json=sale(world), headers=headers), 422)
        assert "Idempotency-Key" in detail
    assert world.books("SELECT count(*) FROM slips") == [(2,)]


@pytest.mark.requirement("W-138")
def test_requests_at_the_same_time_are_done_one_after_another(world):
    client = world.client("carl")
    keys = [1, 2, 1, 2, 1, 2]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(
            lambda key: client.post("/sales", json=sale(world), headers=once(key)), keys
        ))  # fmt: skip
    assert {answer.status_code for answer in answers} == {201}
    assert world.books("SELECT count(*) FROM slips") == [(2,)]


@pytest.mark.requirement("T20")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cents": False}, "body.cents"), ({"cents": "2000"}, "body.cents"),
        ({"cents": 2000.0}, "body.cents"), ({"cents": 0}, "body.cents"),
        ({"cents": 10**30}, "body.cents"), ({"card": None}, "body.card"),
        ({"paid": "gold"}, "body.paid"), ({"choice": "1 OR 1=1"}, "body.choice"),
        ({"role": "authority"}, "body.role"), ({"shift": -1}, "body.shift"),
    ],
)  # fmt: skip
def test_values_of_another_kind_are_refused_by_name_and_never_repeated(shared, changes, words):
    client = shared.client("carl")
    answer = client.post("/sales", json=sale(shared, **changes), headers=once("wrong"))
    detail = problem(answer, 422)
    assert words in detail and "1 OR 1" not in detail
    assert shared.books("SELECT count(*) FROM slips") == [(0,)]


@pytest.mark.requirement("T20", "T22")
def test_a_body_of_another_kind_is_refused_by_name(shared):
    kind = {**once("kind"), "Content-Type": "text/plain"}
    answer = shared.client("carl").post("/sales", content=b"{}", headers=kind)
    assert "wanted application/json" in problem(answer, 415)
    answer = shared.client("olli").post("/batches", content=b"{}", headers=kind)
    assert "wanted application/cbor" in problem(answer, 415)


@pytest.mark.requirement("T20")
def test_strange_addresses_methods_and_questions_are_problems_too(shared):
    client = shared.client("alma")
    problem(client.get("/nothing"), 404)
    answer = client.delete("/sales")
    problem(answer, 405)
    assert answer.headers["allow"] == "GET, POST"
    for query in ("limit=0", "limit=501", "limit=1e2", "limit=%207", "limit=1_0", "after=!!",
                  "nothing=1", "purpose=fraud"):  # fmt: skip
        problem(client.get(f"/events?{query}"), 422)
    days = client.get("/finance/days?limit=1").json()["next"]
    for cursor in ("AAAA", days, days[:-1] + "A"):
        problem(client.get(f"/events?after={cursor}"), 404)
    for path in ("/tariffs/x", "/tariffs/-1", "/tariffs/99999999999999999999"):
        problem(client.get(path), 422)


@pytest.mark.requirement("T20")
def test_every_answer_carries_the_headers_and_a_line_without_numbers_of_cards(shared):
    client, before = shared.client("carl"), len(shared.lines)
    answer = client.get("/sales/31/7")
    for name, value in (("x-content-type-options", "nosniff"), ("cache-control", "no-store")):
        assert answer.headers[name] == value
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    client.post("/sales", json=sale(shared, card=987654321), headers=once("log"))
    lines = shared.logged()[before:]
    assert [(line["method"], line["route"], line["status"], line["user"]) for line in lines] == [
        ("GET", "/api/v1/sales/{device}/{place}", 404, "carl"),
        ("POST", "/api/v1/sales", 404, "carl"),
    ]
    assert "987654321" not in str(lines) and "tornello_" not in str(lines)


@pytest.mark.requirement("T20")
def test_what_one_has_already_is_not_sent_again(shared):
    client = shared.client("alma")
    for path in ("/tariffs", "/tariffs/1", "/finance/days", "/products", "/openapi.json"):
        first = client.get(path)
        tag = first.headers["etag"]
        for known in (tag, f'"x", W/{tag}', "*"):
            again = client.get(path, headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b""), path
            assert again.headers["etag"] == tag
        assert client.get(path, headers={"If-None-Match": '"x"'}).content == first.content
