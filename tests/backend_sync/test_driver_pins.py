"""A depot's clerk gives, changes and withdraws drivers' PINs; a real validator signs them on."""

import json

import pytest

from backend_sync.keyring import main as keyring
from card_layouts.crypto.pin import PIN_ROW_BYTES
from simulator.bench.workbench import AUTHORITY as BENCH_AUTHORITY
from simulator.bench.workbench import DEVICE, OPERATOR, Workbench
from tests.backend_sync.builders import AUTHORITY
from tests.backend_sync.test_key_use import Support

pytestmark = pytest.mark.requirement("W-129", "W-14", "W-10", "T18")
PIN, OTHER_PIN, NEWEST = "48151623", "42424242", "90210777"


class Depot(Support):
    """Operator 7 has vehicles 31 and 32; dee is at its dispatch point, otto at operator 8's."""

    def __init__(self, folder, users, capsys):
        super().__init__(folder, users, capsys)
        for device, kind, operator in (
            (31, "vehicle", 7), (32, "vehicle", 7), (33, "vehicle", 8), (34, "validator", 7),
        ):  # fmt: skip
            self.vehicle(device, operator, kind)
        for name, operator in (("dee", 7), ("otto", 8)):
            self.register("user", "add", "--name", name, "--role", "dispatch point", "--rights",
                          "all", "--authority", AUTHORITY, "--operator", operator,
                          "--new-secret", self.secret, by="anna")  # fmt: skip
        self.bind()

    def vehicle(self, device, operator, kind="vehicle"):
        words = ("--authority", AUTHORITY, "--operator", operator, "--kind", kind)
        return json.loads(self.keyring("provision", device, *words))

    def pin(self, command, *more, by="dee", pin="", code=0):
        """Return what a PIN command says."""
        if pin:
            path = self.ring.parent / "pin.txt"
            path.write_text(pin + "\n")
            more = (*more, "--pin-file", path)
        signed = ["--by", by, "--secret", str(self.secret)] if by else []
        found = keyring.main(["pin", command, str(self.ring), *map(str, more), *signed])
        said = self.capsys.readouterr()
        assert found == code, said
        assert PIN not in said.out + said.err
        return said.err if code else said.out

    def of(self, command, driver=33, operator=7, **how):
        whose = ("--authority", AUTHORITY, "--operator", operator)
        return self.pin(command, *whose, *(("--driver", driver) if driver else ()), **how)

    def rows(self, device=31):
        path = self.ring.parent / f"board-{device}.json"
        path.write_text(json.dumps({"device": device, "epoch": 0, "profile": {"trip": 4}}))
        self.pin("config", device, "--into", path)
        found = json.loads(path.read_text())
        assert found["profile"] == {"trip": 4}
        return bytes.fromhex(found["pins"])


@pytest.fixture
def depot(tmp_path, capsys):
    (tmp_path / "users").mkdir()
    return Depot(tmp_path, tmp_path / "users", capsys)


def test_a_clerk_gives_changes_and_withdraws_within_his_operator(depot):
    assert json.loads(depot.of("give", pin=PIN))["devices"] == [[31, 0], [32, 0]]
    first = depot.rows()
    assert len(first) == PIN_ROW_BYTES and first != depot.rows(32), "each under its own key"
    depot.of("give", pin=OTHER_PIN)
    assert len(depot.rows()) == PIN_ROW_BYTES and depot.rows() != first
    depot.of("give", 44, pin=PIN)
    assert [json.loads(line)["driver"] for line in depot.of("list", 0).splitlines()] == [33, 44]
    assert json.loads(depot.of("withdraw"))["known_until_renewed"] == [[31, 0], [32, 0]]
    assert len(depot.rows()) == PIN_ROW_BYTES
    assert "has no PIN" in depot.of("withdraw", code=1)
    for by, words in (("otto", "operator 7, not 8"), ("tess", "drivers.pins"), ("", "who asks?")):
        assert words in depot.of("give", by=by, pin=PIN, code=1)
    assert "one of operator 7's" in depot.of("give", 44, 8, by="otto", pin=PIN, code=1)


def test_a_pin_stands_in_no_file_and_each_change_among_the_uses(depot):
    depot.of("give", pin=PIN)
    depot.rows()
    (depot.ring.parent / "pin.txt").unlink()
    for path in depot.ring.parent.rglob("*"):
        if path.is_file():
            assert PIN.encode() not in path.read_bytes(), path
    said = [json.loads(line) for line in depot.keyring("uses").splitlines()]
    assert (said[-1]["by"], said[-1]["what"]) == (
        "dee", f"PIN given to driver 33 of operator 7 of authority {AUTHORITY}, use 1"
    )  # fmt: skip


def test_a_vehicle_that_came_later_lacks_the_driver_until_his_pin_is_given_again(depot):
    depot.of("give", pin=PIN)
    (depot.ring / "register.place").unlink()  # two people provision where it is bound
    assert "pins" not in depot.vehicle(35, 7)
    assert len(bytes.fromhex(depot.vehicle(31, 7)["pins"])) == PIN_ROW_BYTES
    [driver] = map(json.loads, depot.of("list", 0, by="").splitlines())
    assert driver == {"driver": 33, "known": [[31, 0], [32, 0]], "lacking": [[35, 0]]}
    depot.of("give", pin=OTHER_PIN, by="")
    assert json.loads(depot.of("list", 0, by=""))["lacking"] == []


@pytest.mark.parametrize("pin", ("123", "123456789", "12a4", "", "١٢٣٤"))
def test_what_is_no_pin_is_refused_without_saying_it(depot, pin):
    path = depot.ring.parent / "pin.txt"
    path.write_text(pin + "\n")
    said = depot.of("give", pin=pin or " ", code=1)
    assert "wanted 4 to 8 digits" in said and (not pin or pin not in said)
    assert depot.of("list", 0) == ""


def test_a_configuration_of_another_device_or_none_is_left_alone(depot, tmp_path):
    path = tmp_path / "board.json"
    for text, words in (
        ('{"device": 32, "epoch": 0}', "not the configuration of device 31"),
        ("[]", "not the configuration"),
        ("{", "no JSON"),
    ):
        path.write_text(text)
        assert words in depot.pin("config", 31, "--into", path, code=1)
        assert path.read_text() == text
    assert "nowhere" in depot.pin("config", 31, "--into", tmp_path / "nowhere", code=1)
    assert "never provisioned" in depot.pin("config", 99, "--into", path, code=1)
    assert "has no vehicle" in depot.of("give", operator=9, pin=PIN, by="anna", code=1)


@pytest.mark.system
def test_a_real_validator_signs_on_who_has_a_pin_and_nobody_else(tmp_path, capsys):
    bench = Workbench(tmp_path, sells=True)
    ring = str(tmp_path / "keyring")
    whose = ("--authority", str(BENCH_AUTHORITY), "--operator", str(OPERATOR), "--driver", "77")

    def renewed(command, pin=""):
        (tmp_path / "pin.txt").write_text(pin)
        more = ["--pin-file", str(tmp_path / "pin.txt")] if pin else []
        assert keyring.main(["pin", command, ring, *whose, *more]) == 0
        into = ("--into", str(bench.config_path))
        assert keyring.main(["pin", "config", ring, str(DEVICE), *into]) == 0
        bench.power_on()

    def told(message):
        return [" ".join(row) for row in bench.say(message) if row[0] in ("shift", "unsigned")]

    try:
        renewed("give", PIN)
        assert told(f"signon 77 {OTHER_PIN}") == ["unsigned 77 WRONG_PIN"]
        assert told(f"signon 77 {PIN}") == ["shift open 1 77"]
        assert told(f"signoff {PIN}") == ["shift closed 1 77"]
        bench.board.cut_power()
        renewed("give", NEWEST)
        assert told(f"signon 77 {PIN}") == ["unsigned 77 WRONG_PIN"]
        assert told(f"signon 77 {NEWEST}") == ["shift open 2 77"]
        assert told(f"signoff {NEWEST}") == ["shift closed 2 77"]
        bench.board.cut_power()
        renewed("withdraw")
        assert told(f"signon 77 {NEWEST}") == ["unsigned 77 WRONG_PIN"]
    finally:
        bench.close()
