"""`tornello ticket`: sold in advance, shown, checked offline; what segno writes zxing reads."""

import contextlib
import io
import json
import os
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from backend_sync.keyring.keyfile import make_keys, write_keys
from backend_sync.keyring.local import KEY_FILE, LocalKeyring
from backend_sync.keyring.provision import as_text
from card_layouts.answers import CODE_FORGED, CODE_UNREADABLE
from card_layouts.codec.base45 import ALPHABET
from card_layouts.tickets.single import CODE_CHARS, MARK, Code
from edge_agent.counter.desk import CounterError, Desk
from edge_agent.counter.ticket_check import judge
from edge_agent.counter.ticket_cli import main
from edge_agent.counter.ticket_paper import write_image
from edge_agent.counter.ticket_places import minute_of_wall
from edge_agent.counter.ticket_register import TicketRegister
from edge_agent.drivers.code_images import NoCode, read_code_image
from simulator.worlds.small_tariffs import count_tariff, mounted
from simulator.worlds.tap_world import AUTHORITY, FARE, FARE_TWO, NOW
from simulator.worlds.vehicle_world import CHILD_FARE, NIGHT_FEE, Vehicle, single_tariff
from tests.vectors import make_singles as maker

KIOSK = 900
DAY = NOW // 86_400


class Clock:
    """Stands still."""

    seconds = NOW

    def utc_seconds(self):
        return self.seconds


class Shop:
    """A counter's folder: station, certificate, tariff, and what commands say."""

    def __init__(self, folder):
        self.folder = folder
        self.clock = Clock()
        (folder / "ring").mkdir()
        write_keys(folder / "ring" / KEY_FILE, make_keys([AUTHORITY, 245], seed="shop"))
        ring = LocalKeyring(folder / "ring")
        self.station(ring, KIOSK, "counter")
        self.certify(ring, DAY - 1)
        self.ring = ring
        (folder / "town.ttar").write_bytes(single_tariff())
        self.said = self.complained = ""

    def station(self, ring, device, kind):
        config = as_text(ring.provision(device, 0, AUTHORITY, kind=kind))
        path = self.folder / "station.json"
        path.write_text(json.dumps(config))
        path.chmod(0o600)

    def certify(self, ring, from_day):
        request = {"device": KIOSK, "epoch": 0, "from_day": from_day}
        signers = {str(a): key.hex() for a, key in ring.signing.signers().items()}
        found = {"certificate": ring.assemble("certificate", request).hex(), "signers": signers}
        (self.folder / "certificate.json").write_text(json.dumps(found))

    def run(self, *arguments):
        """Run `tornello ticket`; keep what it said; return the exit code."""
        out, err = io.StringIO(), io.StringIO()
        desk = Desk(None, self.clock, None, self._image)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([str(argument) for argument in arguments], desk)
        self.said, self.complained = out.getvalue(), err.getvalue()
        return code

    def _image(self, path):
        try:
            return read_code_image(path)
        except NoCode as error:
            raise CounterError(str(error)) from None

    def sell(self, order, *more, **changed):
        files = {"station": "station.json", "certificate": "certificate.json",
                 "tariff": "town.ttar", "register": "sold.jsonl"} | changed  # fmt: skip
        options = [
            part for name, file in files.items() for part in (f"--{name}", self.folder / file)
        ]
        zones = [] if "--zones" in more else ["--zones", "A"]
        return self.run("sell", *options, "--order", order, *zones, *more)

    def check(self, code, *more):
        return self.run("check", code, "--signers", self.folder / "certificate.json", *more)

    @property
    def code(self):
        """The code printed last."""
        return self.said.rstrip("\n").rpartition("\n")[2]

    @property
    def sold(self):
        text = (self.folder / "sold.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def shop(tmp_path):
    shop = Shop(tmp_path)
    yield shop
    shop.ring.close()


@pytest.mark.requirement("W-50", "W-51", "W-53", "W-99")
def test_a_ticket_for_tomorrow_is_sold_with_its_text_and_code(shop):
    assert shop.sell("1", "--for", "adult=2,child", "--zones", "A,B",
                     "--from", "2025-09-15 08:00") == 0  # fmt: skip
    lines = shop.said.splitlines()
    assert lines[:7] == [
        "Small town", "SINGLE TICKET", "Zones A B", "2 adult, 1 child",
        "Valid from 2025-09-15 08:00", "     until 2025-09-15 09:00",
        f"Price {(2 * FARE_TWO + 2 * CHILD_FARE) / 100:.2f} EUR",
    ]  # fmt: skip
    assert len(shop.code) == CODE_CHARS and "█" in shop.said
    ticket = Code(shop.code).ticket
    assert (ticket["device"], ticket["serial"], ticket["line_only"]) == (KIOSK, 1, 0)
    (row,) = shop.sold
    assert row == {"sale": "counter:1", "code": shop.code, "channel": "counter", "time": NOW}


@pytest.mark.requirement("D9", "X-15")
def test_the_same_order_is_the_same_ticket_and_numbers_have_no_gaps(shop):
    assert shop.sell("1") == 0
    first = shop.code
    shop.clock.seconds += 500
    assert shop.sell("1") == 0 and shop.code == first
    assert shop.sell("2") == 0 and shop.code != first
    assert shop.sell("1", "--channel", "web") == 0
    assert [Code(row["code"]).ticket["serial"] for row in shop.sold] == [1, 2, 3]


@pytest.mark.requirement("W-39")
def test_a_price_is_that_of_the_time_it_begins_and_may_be_asked_for_first(shop):
    assert shop.sell("1", "--price") == 0
    assert shop.said == f"{FARE} cents, valid 60 minutes\n"
    assert shop.sell("1", "--price", "--from", "2025-09-15 23:30") == 0
    assert shop.said == f"{FARE + NIGHT_FEE} cents, valid 60 minutes\n"
    assert not (shop.folder / "sold.jsonl").exists()


@pytest.mark.requirement("D9")
@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--zones", "C"], "zone 'C': the tariff has A, B"),
        (["--zones", ","], "wanted one or more of A, B"),
        (["--for", "senior"], "group 'senior': the tariff has adult, child"),
        (["--for", "adult=64"], "wanted adult=1 to adult=63"),
        (["--for", "adult=40,child=40"], "wanted 1..63 persons"),
        (["--for", ","], "wanted 1..63 persons"),
        (["--from", "tomorrow"], "wanted YYYY-MM-DD HH:MM"),
        (["--from", "2025-09-14 09:00"], "is over"),
        (["--from", "2025-12-01 09:00"], "get a new certificate"),
        (["--product", "77"], "no such product"),
        (["--product", "5"], "is for one line"),
        (["--product", "1024"], "wanted 0..1023"),
    ],
)
def test_what_cannot_be_sold_is_said_and_nothing_is_kept(shop, more, words):
    assert shop.sell("1", *more) == 1
    assert words in shop.complained
    assert not (shop.folder / "sold.jsonl").exists() or shop.sold == []


def test_files_that_do_not_fit_are_named_with_a_remedy(shop):
    other = shop.folder / "other.json"
    other.write_text("{}")
    assert shop.sell("1", certificate="other.json") == 1
    assert "no certificate" in shop.complained and "keyring certificate" in shop.complained
    other.chmod(0o600)
    assert shop.sell("1", station="other.json") == 1
    assert "no station that sells tickets" in shop.complained
    assert shop.sell("1", tariff="other.json") == 1
    assert "package.magic" in shop.complained or "cut short" in shop.complained
    assert shop.sell("1", tariff="missing") == 1 and "tariff compile" in shop.complained
    shop.station(shop.ring, 901, "counter")
    assert shop.sell("1") == 1
    assert "certifies device 900" in shop.complained
    shop.station(shop.ring, KIOSK, "counter")
    (shop.folder / "town.ttar").write_bytes(count_tariff([[FARE]], 99))
    assert shop.sell("1") == 1 and "has no prices of authority 244" in shop.complained
    os.chmod(shop.folder / "station.json", 0o644)
    assert shop.sell("1") == 1 and "lets others read the keys" in shop.complained


@pytest.mark.requirement("X-3", "T17")
def test_a_row_cut_off_by_a_crash_is_no_sale_and_a_foreign_register_is_refused(shop):
    shop.sell("1")
    path = shop.folder / "sold.jsonl"
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        register = TicketRegister(path, KIOSK)
        assert register.rows == {} and register.next_serial == 1
        register.close()
        assert path.read_bytes() == b""
    path.write_bytes(whole)
    with pytest.raises(CounterError, match="line 1 is no sale: line 1: sold by device 900"):
        TicketRegister(path, 901)
    path.write_bytes(b'{"sale": 1}\n')
    with pytest.raises(CounterError, match="line 1 is no sale"):
        TicketRegister(path, KIOSK)


def test_one_process_sells_with_a_register_at_a_time(shop):
    register = TicketRegister(shop.folder / "sold.jsonl", KIOSK)
    assert shop.sell("1") == 1 and "another process sells" in shop.complained
    register.close()


# Checking -------------------------------------------------------------------------------


@pytest.mark.requirement("W-50", "W-99", "D9", "T14")
def test_a_code_is_checked_with_nothing_but_the_authority_s_key(shop):
    shop.sell("1", "--image", shop.folder / "ticket.png")
    code = shop.code
    (shop.folder / "code.txt").write_text(code + "\n")
    for source in (code, shop.folder / "code.txt", shop.folder / "ticket.png"):
        assert shop.check(source) == 0
        assert shop.said == "valid: ticket 900-1 for 1 person, 60 minutes left\n"
    assert shop.check(code, "--zone", "1") == 0
    assert shop.check(code, "--zone", "2") == 1
    assert shop.said == "refused: This ticket is not valid in this zone.\n"
    at = ("--tariff", shop.folder / "town.ttar", "--at")
    assert shop.check(code, *at, "2025-09-14 11:05") == 0
    assert shop.check(code, *at, "2025-09-14 11:06", "--json") == 1
    assert json.loads(shop.said) == {"verdict": "refused", "answer": "CODE_ENDED",
                                     "why": "The time of this ticket has ended."}  # fmt: skip
    assert shop.check(code, "--at", "2025-09-14 11:06") == 1 and "--tariff" in shop.complained
    assert shop.check(code, "--zone", "16") == 1


@pytest.mark.requirement("T14", "D9")
def test_forged_and_foreign_codes_are_refused_with_a_reason(shop):
    shop.sell("1")
    code = shop.code
    other = maker.code(authority=7, cert={"authority": 7})
    assert shop.check(other) == 1 and "of authority 7, known here: 244, 245" in shop.said
    assert shop.check(maker.code()) == 1 and "not genuine" in shop.said
    swapped = code[:10] + ("0" if code[10] != "0" else "1") + code[11:]
    assert shop.check(swapped) == 1
    assert shop.check("TO1:") == 1 and "304 from TO1: wanted" in shop.said
    assert shop.check("nowhere.png") == 1 and "no code" in shop.complained
    (shop.folder / "blank.png").write_bytes(b"\x89PNG\r\n")
    assert shop.check(shop.folder / "blank.png") == 1 and "no image" in shop.complained


@pytest.mark.requirement("T23")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.one_of(st.text(max_size=320), st.text(alphabet=ALPHABET, min_size=300, max_size=300)))
def test_judging_any_text_ends_with_an_answer(text):
    signers = {number: bytes(32) for number in range(256)}
    for tried in (text, MARK + text):
        assert judge(tried, signers, 0)[0] in (CODE_UNREADABLE, CODE_FORGED)


def test_a_code_is_shown_with_names_or_field_by_field(shop):
    shop.sell("1")
    code = shop.code
    assert shop.run("show", code, "--tariff", shop.folder / "town.ttar") == 0
    assert "Zones A" in shop.said and "█" in shop.said
    assert shop.run("show", code) == 0 and re.search(r"^serial +1$", shop.said, re.MULTILINE)
    assert shop.run("show", code, "--json") == 0
    assert json.loads(shop.said)["seller"]["device"] == KIOSK
    assert shop.run("show", "TO1:x") == 1 and "no single ticket of ours" in shop.complained
    assert shop.run("show", code, "--image", shop.folder / "x.gif") == 1
    assert "ends in .png or .svg" in shop.complained
    assert shop.run("show", code, "--image", shop.folder / "x.svg") == 0
    assert (shop.folder / "x.svg").read_text().startswith("<?xml")


@pytest.mark.requirement("W-50", "W-99")
def test_a_validator_accepts_what_a_counter_sold_once_it_begins(shop):
    bus = Vehicle()
    bus.keys.signers = shop.ring.signing.signers()
    shop.sell("1", "--from", "2025-09-14 12:00")
    code = shop.code
    assert bus.scan(code) == "CODE_EARLY"
    bus.watch.seconds += 2 * 3600
    assert bus.scan(code) == "ACCEPTED"


# Images ---------------------------------------------------------------------------------


@pytest.mark.requirement("W-52", "W-99")
@pytest.mark.parametrize("turn", [0, 7, 90, 183])
def test_what_segno_writes_zxing_reads_turned_small_and_pale(tmp_path, turn):
    text = maker.code()
    write_image(text, tmp_path / "code.png")
    with Image.open(tmp_path / "code.png") as image:
        assert image.size[0] == (57 + 8) * 6, "version 10 with its quiet zone"
        paper = Image.new("L", (700, 700), 235)
        seen = image.convert("L").point(lambda level: 60 + level * 2 // 3)
        paper.paste(seen, (150, 150))
        paper.rotate(turn, expand=True, fillcolor=235).resize((600, 600)).save(tmp_path / "p.jpg")
    assert read_code_image(tmp_path / "p.jpg") == text


def test_an_image_without_one_code_is_refused_by_name(tmp_path):
    Image.new("L", (100, 100), 255).save(tmp_path / "white.png")
    with pytest.raises(NoCode, match="0 codes in the image"):
        read_code_image(tmp_path / "white.png")
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(NoCode, match="no image that can be read"):
        read_code_image(tmp_path / "text.png")


@pytest.mark.requirement("D2")
def test_wall_times_are_those_of_the_tariff_and_what_does_not_exist_is_refused():
    tariff = mounted(count_tariff([[FARE]], AUTHORITY, utc_offset=180))
    assert minute_of_wall(tariff, "2020-01-01 03:00") == 0
    assert minute_of_wall(tariff, "2020-01-02 00:00") == 1440 - 180
