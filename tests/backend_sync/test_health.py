"""What watches of machines ask `ledger serve`, and what it says in its log."""

import io
import json
import re
import socket
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

import backend_sync.deploy
from backend_sync.api.keys import Keys
from backend_sync.edge_states import HELD_FILE
from backend_sync.health.exposition import exposition, metric
from backend_sync.health.figures import figures_of
from backend_sync.health.readiness import FREE_BYTES_LEAST
from backend_sync.health.watch import Watch
from backend_sync.log_lines import LogLines
from edge_agent import figures as edge_figures
from simulator.bench.plans import Planner, listening
from tests.backend_sync.deployed_broker import PATIENCE_S, certificates, free_port, until
from tests.backend_sync.registers_world import SECRET
from tests.backend_sync.watched_office import Program, Watched
from tests.edge_agent.test_log_lines import STATUS as EDGE_STATUS

INLAND = Path(backend_sync.deploy.__file__).parent


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    made = Watched(tmp_path_factory.mktemp("health"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def program(shared, tmp_path_factory):
    made = Program(shared.office.folder, tmp_path_factory.mktemp("program") / "log")
    yield made
    made.close()


@pytest.mark.requirement("W-154", "W-5")
def test_metrics_are_what_the_books_hold(shared):
    (shared.office.folder / "ledger-status.json").write_text(
        json.dumps({"state": "running", "broker": True, "posted": 7, "last_error": "", "acks": 2})
    )
    held = {"edges": [[1, "depot-1", True, []], [1, "depot-2", False, []]]}
    (shared.office.folder / HELD_FILE).write_text(json.dumps(held))
    found, books = shared.figures(), shared.office.books
    [(entries, newest)] = books("SELECT count(*), max(received) FROM entries")
    [(lines, cents)] = books(
        "SELECT count(*), sum(cents) FROM open_intents o JOIN pendings p ON p.id = o.pending"
    )
    assert lines == 1 and entries > 0
    devices = len(books("SELECT DISTINCT device FROM devices"))
    assert found["tornello_entries_total", ""] == entries
    assert found["tornello_suspense_lines", 'state="open"'] == lines
    assert found["tornello_suspense_cents", 'state="open"'] == cents
    age = shared.office.clock.utc_seconds() - newest
    assert found["tornello_newest_entry_age_seconds", ""] == age
    assert sum(v for (name, _), v in found.items() if name == "tornello_devices") == devices
    assert found["tornello_quarantined_total", ""] == found["tornello_orders_waiting", ""] == 0
    assert found["tornello_service_posted_total", ""] == 7
    assert found["tornello_edges", 'online="yes"'] == found["tornello_edges", 'online="no"'] == 1
    assert found["tornello_books_readable", ""] == 1


@pytest.mark.requirement("T5", "T20")
def test_metrics_are_for_this_machine_and_named_ones_only(shared):
    assert shared.client("10.0.0.9").get("/metrics").status_code == 200
    assert shared.client("10.0.0.8").get("/metrics").status_code == 404
    for header in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
        assert shared.client().get("/metrics", headers={header: "x"}).status_code == 404
    assert shared.client("10.0.0.8").get("/healthz").text == "alive\n"


@pytest.mark.requirement("W-155")
def test_no_figure_reads_a_book_through(shared):
    with listening() as heard:
        figures_of(shared.place, shared.office.clock)
    with Planner() as planner:
        assert planner.scans(heard) == {}
    assert len(heard.queries) > 5


def test_ready_says_what_it_waits_for(shared):
    shared.later()
    answer = shared.client().get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert set(answer.json()["checks"].values()) == {"ok"}
    keys, books = (shared.office.folder / name for name in ("keyring/keys.json", "ledger.db"))
    aside = shared.office.folder / "aside"
    for path, part, words in ((keys, "keyring", "not there"), (books, "books", "does not answer")):
        shared.later()
        path.rename(aside)
        answer = shared.client().get("/readyz")
        aside.rename(path)
        assert (answer.status_code, answer.json()["checks"][part]) == (503, words)
    shared.later()
    shared.free = 0
    assert shared.client().get("/readyz").json()["checks"]["disk"] == "nearly full"
    shared.free = FREE_BYTES_LEAST
    assert shared.client().get("/readyz").status_code == 503  # an answer stands for two seconds
    shared.later()
    assert shared.client().get("/readyz").status_code == 200
    said = [line for line in shared.lines() if line["event"] == "not ready"]
    assert said[-1]["disk"] == "nearly full" and said[-1]["level"] == "error"


@pytest.mark.requirement("T5", "T19", "T20")
def test_every_request_is_one_line_and_nothing_in_it_is_anybodys(shared):
    number, card = str(shared.office.number()), str(900_000_123)
    uid, code = "04AABBCCDDEE80", "4711-0815"
    client, before = shared.client(), len(shared.lines())
    client.post("/sign-in", data={"name": "alma", "secret": SECRET})
    client.post("/cards/register", data={"number": number})
    client.get(f"/cards/accounts/{card}?uid={uid}")
    client.post("/sell", data={"card": card, "key": code, "what": uid})
    client.get(f"/{number}/{uid}", headers={"X-Request-ID": number, "User-Agent": uid})
    client.request(f"M{uid}", f"/{card}", headers={"Authorization": f"Bearer {code}"})
    client.get(f"/api/v1/orders/{card}", headers={"Authorization": f"Bearer {code}"})
    lines = shared.lines()[before:]
    assert [line["event"] for line in lines] == ["request"] * 7
    for line in lines:
        assert {"time", "level", "event", "request", "method", "route", "status",
                "ms"} <= set(line)  # fmt: skip
    assert [line.get("user") for line in lines[1:4]] == ["alma"] * 3
    assert [line["route"] for line in lines[:5]] == [
        "/sign-in", "/cards/register", "/cards/accounts/{card}", "/sell", "",
    ]  # fmt: skip
    assert lines[5]["method"] == "other" and lines[6]["route"].startswith("/api/v1/")
    text = shared.log.getvalue() + shared.client().get("/metrics").text
    for secret in (number, card, uid, code, SECRET):
        assert secret not in text and secret.lower() not in text


def test_requests_are_counted_by_class_and_status(shared):
    before, client = shared.figures(), shared.client()
    client.get("/sign-in")
    client.get("/nothing")
    client.get("/api/v1/nothing")
    found = shared.figures()
    for labels, more in (('class="page",status="200"', 1), ('class="page",status="404"', 1),
                         ('class="api",status="404"', 1)):  # fmt: skip
        name = ("tornello_requests_total", labels)
        assert found[name] - before.get(name, 0) == more
    name = ("tornello_request_seconds_count", 'class="page"')
    assert found[name] - before[name] == 2


@pytest.mark.requirement("T20")
def test_what_breaks_is_told_by_its_kind_and_place_without_its_values(shared, monkeypatch):
    def broken(*_):
        raise ValueError("card 4711")

    monkeypatch.setattr("backend_sync.office.today.picture", broken)
    client = shared.client()
    client.post("/sign-in", data={"name": "alma", "secret": SECRET})
    answer = client.get("/today")
    line = shared.lines()[-1]
    assert answer.status_code == 500 and line["request"] == answer.headers["x-request-id"]
    assert (line["level"], line["error"], line["status"]) == ("error", "ValueError", 500)
    assert "office/pages/today.py:" in line["at"][-2] and "4711" not in json.dumps(line)


def test_who_gets_no_answer_gets_a_number_to_ask_with(shared):
    async def broken(*_):
        raise KeyError("card 4711")

    watch = Watch(broken, shared.waits, LogLines(shared.log, shared.waits), lambda n: b"7" * n,
                  dict, list)  # fmt: skip
    answer = TestClient(watch).get("/x")
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "37" * 8)
    assert "37" * 8 in answer.text and "4711" not in answer.text


def test_books_that_are_busy_are_told_with_the_reason(shared):
    client = shared.client()
    client.post("/sign-in", data={"name": "carl", "secret": SECRET})
    form = shared.office.form(client)
    keys = shared.office.folder / "keyring" / "keys.json"
    keys.rename(keys.with_name("aside"))
    answer = client.post("/sell", data=form)
    keys.with_name("aside").rename(keys)
    line = shared.lines()[-1]
    assert (answer.status_code, line["route"], line["status"]) == (503, "/sell", 503)
    assert "keys.json" in line["fault"] and line["user"] == "carl"


def test_a_machine_that_cannot_be_answered_is_a_line_with_its_key_and_the_reason(shared):
    registers, clock = shared.office.registers, shared.office.clock
    keys = Keys(shared.machines, registers, clock, lambda n: b"k" * n)
    visible, text = keys.add(registers.users.get("alma"), "alma", (), "test", 0)
    books = shared.office.folder / "ledger.db"
    books.rename(books.with_name("aside"))
    headers = {"Authorization": f"Bearer {text}"}
    answer = shared.client().get("/api/v1/finance/days", headers=headers)
    books.with_name("aside").rename(books)
    line = shared.lines()[-1]
    assert (answer.status_code, line["route"]) == (503, "/api/v1/finance/days")
    assert line["fault"].startswith("PlaceError: ") and line["user"] == "alma"
    assert line["key"] in text and text not in shared.log.getvalue()


def test_a_terminal_is_given_words_and_a_stream_that_is_gone_ends_nothing(shared):
    seen = Terminal()
    LogLines(seen, shared.office.clock).say("request", route="/sell", status=200, user=None)
    assert re.fullmatch(r"\d\d:\d\d:\d\d info    request    route=/sell status=200\n",
                        seen.getvalue())  # fmt: skip

    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    LogLines(Gone(), shared.office.clock).say("request")


def test_a_label_is_escaped():
    made = exposition([metric("tornello_x", "gauge", "words", 1, label='a"b\\c\nd')])
    assert made.splitlines()[-1] == r'tornello_x{label="a\"b\\c\nd"} 1'


@pytest.mark.system
@pytest.mark.requirement("T20", "W-154")
def test_the_program_answers_and_says_each_request_in_one_line(program):
    address, before = program.address, len(program.lines())
    assert httpx.get(address + "healthz").text == "alive\n"
    assert httpx.head(address + "readyz").status_code == 200
    assert "tornello_entries_total" in httpx.get(address + "metrics").text
    assert httpx.get(address + "sign-in").status_code == 200
    port = int(address.rstrip("/").rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as rude:
        rude.sendall(b"4711 \x00\r\n\r\n")
        assert rude.recv(100).startswith(b"HTTP/1.1 400")
    lines = program.lines()[before:]
    assert [(line["event"], line.get("route")) for line in lines] == [
        ("request", "/sign-in"), ("library", None),
    ]  # fmt: skip
    assert "4711" not in program.log.read_text()


def test_alarms_name_figures_that_there_are(shared):
    (shared.office.folder / "ledger-status.json").write_text('{"state": "running"}')
    shared.client().get("/sign-in")
    known = {name for name, _ in shared.figures()}
    text = edge_figures.exposition(EDGE_STATUS)
    known |= set(re.findall(r"^(tornello_\w+)", text, re.M))
    rules = (INLAND / "alarms.yml").read_text()
    named = set(re.findall(r"tornello_\w+", rules))
    assert len(named) > 15 and named <= known, named - known
    assert rules.count("- alert:") == rules.count("expr:") == rules.count("summary:")


@pytest.mark.system
@pytest.mark.requirement("T20")
def test_nginx_speaks_tls_before_the_pages_and_shows_no_figures(
    shared, program, tmp_path, system_command
):
    nginx, port, plain = system_command("nginx"), free_port(), free_port()
    certificates(tmp_path / "made", "--broker", "127.0.0.1")
    text = (INLAND / "nginx.conf").read_text()
    for shipped, here in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("listen 80", f"listen 127.0.0.1:{plain}"),
        ("http://127.0.0.1:8080", program.address.rstrip("/")),
        ("/etc/nginx/tornello/fullchain.pem", str(tmp_path / "made/broker/broker.crt")),
        ("/etc/nginx/tornello/privkey.pem", str(tmp_path / "made/broker/broker.key")),
        ("/var/log/nginx/tornello.log", str(tmp_path / "error.log")),
    ):
        assert shipped in text
        text = text.replace(shipped, here)
    (tmp_path / "tornello.conf").write_text(text)
    temporary = "".join(
        f"{name}_temp_path {tmp_path}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"daemon off;\npid {tmp_path}/pid;\nerror_log {tmp_path}/error.log;\n"
        "events {}\nhttp {\n" + temporary + f"include {tmp_path}/tornello.conf;\n}}\n"
    )
    command = [nginx, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        asked(f"https://127.0.0.1:{port}", f"http://127.0.0.1:{plain}", tmp_path)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        process.stderr.close()


def asked(address, plain, folder):
    context = ssl.create_default_context(cafile=folder / "made" / "broker" / "ca.crt")

    def answers():
        try:
            return httpx.get(f"{plain}/").status_code == 308
        except httpx.ConnectError:
            return False

    until(answers, "nginx")
    with httpx.Client(verify=context, base_url=address) as client:
        page = client.get("/sign-in")
        assert page.status_code == 200 and "max-age" in page.headers["strict-transport-security"]
        sent = {"name": "alma", "secret": "wrong"}
        wrong = client.post("/sign-in", data=sent, headers={"Origin": address})
        assert wrong.status_code == 403 and "session" not in wrong.cookies
        foreign = client.post("/sign-in", data=sent, headers={"Origin": "https://elsewhere"})
        assert foreign.status_code == 403 and "another site" in foreign.text
        codes = [client.get(path).status_code for path in ("/healthz", "/metrics", "/readyz")]
        assert codes == [200, 404, 404]
        assert any(client.get("/sign-in").status_code == 503 for _ in range(200))  # too fast
