"""A vehicle that sells and scans single tickets, in process: a Device of tap_world with a printer.

The tariff has two zones, adults and children, a night fee; product 0 has an hour to change,
product 5 none, so that its tickets are good on their line alone. For worlds, tears and tests.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from backend_sync.tariffs.model import (
    CLASS_ADULT,
    CLASS_CHILD,
    KIND_PURSE,
    KIND_TICKET,
    ON_PURSE,
    ON_TICKET,
    Book,
    Group,
    PriceTable,
    Product,
    Surcharge,
    Transfer,
    Window,
)
from backend_sync.tariffs.package_writer import write_package
from card_layouts.cards.zones import zones_run
from card_layouts.crypto.ed25519_cpython import public_native, sign_native
from card_layouts.crypto.kdf import block_key, device_label
from card_layouts.crypto.pin import pin_row
from card_layouts.fares.mounted import Tariff
from card_layouts.tickets.single import (
    CERTIFICATE,
    CERTIFICATE_DAYS,
    SELLER_VEHICLE,
    certificate_message,
)
from firmware.journal import Journal
from firmware.partitions import FLASH_BYTES
from firmware.singles import Singles
from simulator.flash import Flash
from simulator.worlds.small_tariffs import mounted, small_feed
from simulator.worlds.tap_world import (
    AUTHORITY,
    BLOCKS,
    EPOCH,
    FARE,
    FARE_TWO,
    GATE_A,
    NOW,
    PURSE_PRODUCT,
    TRANSFER_MINUTES,
    Device,
    Keys,
)

SINGLE, LINE_SINGLE = 0, 5
ADULT, CHILD = 0, 1
CHILD_FARE, NIGHT_FEE = 120, 100
VERSION = 7
DAY_S = 86_400
AUTHORITY_SEED = b"authority seed of a small world!"
OTHER_AUTHORITY, OTHER_SEED = 245, b"another authority, another seed!"
SIGNERS = {AUTHORITY: public_native(AUTHORITY_SEED), OTHER_AUTHORITY: public_native(OTHER_SEED)}
PIECE_CHARS = 160
DRIVER, PIN, OTHER_DRIVER, OTHER_PIN = 33, "4711", 44, "20815"
SIGN_ON = f"signon {DRIVER} {PIN}"


@cache
def single_tariff(authority: int = AUTHORITY, legs: int = 0) -> bytes:
    """Return the package of `authority`; stop i lies in zone i + 1, `legs` changes are allowed."""
    both = 1 << ADULT | 1 << CHILD
    one, two = {ADULT: FARE, CHILD: CHILD_FARE}, {ADULT: FARE_TWO, CHILD: 2 * CHILD_FARE}
    prices = {zones_run(1, 1): one, zones_run(2, 2): one, zones_run(1, 2): two}
    return write_package(
        Book(
            authority=authority,
            name="Small town",
            currency="EUR",
            valid_from=0,
            valid_to=16_000,
            zones=("A", "B"),
            groups=(
                Group(ADULT, "adult", CLASS_ADULT, ADULT),
                Group(CHILD, "child", CLASS_CHILD, CHILD),
            ),
            tables=(PriceTable("cash", prices),),
            products=(
                Product(SINGLE, "single", KIND_TICKET, 90, both, prices=0, transfer=0, vat=1),
                Product(LINE_SINGLE, "line single", KIND_TICKET, 91, both, prices=0),
                Product(PURSE_PRODUCT, "value", KIND_PURSE, 50, both, prices=0, transfer=0),
            ),
            transfers=(Transfer("value", (TRANSFER_MINUTES,) * 2, legs=legs, pass_back_s=0),),
            windows=(Window("night", from_minute=1380, to_minute=300),),
            surcharges=(Surcharge("night", 0, NIGHT_FEE, ON_PURSE | ON_TICKET),),
            feed_zones={"A": 1, "B": 2},
            version=VERSION,
            utc_offsets=((0, 120),),
        ),
        small_feed(2),
    )


def certified(device: int, from_day: int, authority: int = AUTHORITY, **changed: Any) -> bytes:
    """Return the 106 bytes that let `device` sell from `from_day` on."""
    values = {
        "layout": 1,
        "kind": SELLER_VEHICLE,
        "authority": authority,
        "device": device,
        "number": from_day,
        "from_day": from_day,
        "until_day": from_day + CERTIFICATE_DAYS - 1,
        "public": public_native(ticket_seed_of(device)),
        **changed,
    }
    body = bytes(CERTIFICATE.pack(values))
    seed = AUTHORITY_SEED if authority == AUTHORITY else OTHER_SEED
    return body + sign_native(seed, certificate_message(body))


def ticket_seed_of(device: int) -> bytes:
    """Return a device's own signing seed."""
    return b"ticket seed of device %010d" % device


class Paper:
    """The Printer port: keeps what was printed, as (lines, code)."""

    def __init__(self) -> None:
        self.printed: list[tuple[list[str], str]] = []
        self.is_ready = True

    def ready(self) -> bool:
        """Return whether there is paper."""
        return self.is_ready

    def print_ticket(self, lines: Sequence[str], code: str) -> None:
        """Print a whole ticket."""
        self.printed.append((list(lines), code))


class Vehicle(Device):
    """A validator with a driver and a scanner; `line`, `trip` and `stop` are the profile's.

    Driver 33 is signed on, unless `driver` is 0. `pins` are all who may be: (driver, PIN).
    """

    def __init__(
        self,
        number: int = GATE_A,
        tariff: Tariff | None = None,
        driver: int = DRIVER,
        pins: Sequence[tuple[int, str]] = ((DRIVER, PIN), (OTHER_DRIVER, OTHER_PIN)),
        **parts: Any,
    ) -> None:
        self.paper = Paper()
        self.pins = pins
        self.from_day = NOW // DAY_S - 3
        self.tickets: bytes | None = None  # what stands in for the certificate in force
        flash = Flash(FLASH_BYTES)
        key = block_key((parts.get("keys") or Keys(number)).k_dev)
        blocks, epoch = parts.get("blocks", BLOCKS), parts.pop("epoch", EPOCH)
        Journal.provision(flash, 1, blocks, number, epoch, key)
        profile = {"terminal": 2, **parts.pop("profile", {})}
        super().__init__(
            number, flash=flash, tariff=tariff or mounted(single_tariff()), profile=profile, **parts
        )
        if driver:
            assert self.sign_on(driver, PIN) == f"shift open 1 {driver}"

    def boot(self) -> None:
        """Start the program on what is in the flash."""
        keys: Any = self.keys
        keys.ticket_seed = ticket_seed_of(self.number)
        keys.ticket_public = public_native(keys.ticket_seed)
        keys.signers = SIGNERS
        keys.cfg = device_label(keys.k_dev, b"cfg")
        keys.pins = b"".join(pin_row(keys.cfg, driver, pin) for driver, pin in self.pins)
        super().boot()
        self.singles = Singles(self.tap, self.flash, self.paper, self.certificate, lambda: None)

    def certificate(self) -> bytes:
        """Return the certificate in force."""
        return certified(self.number, self.from_day) if self.tickets is None else self.tickets

    def say(self, *messages: str) -> list[tuple[str, str]]:
        """Give messages to the device and let it work; return what it signalled."""
        self.signals.seen.clear()
        for message in messages:
            assert self.singles.take(message), message
        while self.singles.busy:
            self.singles.tick()
        return list(self.signals.seen)

    def sell(
        self, order: int, *party: tuple[int, int], product: int = SINGLE, zones: int = 0
    ) -> str:
        """Sell a ticket for cash; return what the driver was told."""
        rows = " ".join(f"{group} {heads}" for group, heads in party or ((ADULT, 1),))
        ((_name, detail),) = [  # fmt: skip
            row for row in self.say(f"sell {order} {product} {zones} {rows}") if row[0] != "fault"
        ]
        return f"{_name} {detail}"

    def told(self, message: str) -> str:
        """Give a message to the device; return the last thing it said to the driver."""
        return " ".join(self.say(message)[-1])

    def sign_on(self, driver: int = DRIVER, pin: str = PIN) -> str:
        """Sign a driver on; return what he was told."""
        return self.told(f"signon {driver} {pin}")

    def sign_off(self, pin: str = PIN, counted: int | None = None) -> str:
        """Sign the driver off; return what he was told."""
        return self.told(f"signoff {pin}" if counted is None else f"signoff {pin} {counted}")

    def void(self, order: int, ticket: int) -> str:
        """Take a ticket back; return what the driver was told."""
        return self.told(f"void {order} {ticket}")

    def scan(self, code: str, word: str = "scan") -> str:
        """Hold a code before the scanner; return the answer's name."""
        said = self.say(*pieces(code, word))
        answers = [detail for name, detail in said if name == "answer"]
        assert len(answers) == 1, said
        return answers[0]

    @property
    def codes(self) -> list[str]:
        """Return the codes printed so far."""
        return [code for _lines, code in self.paper.printed]


def pieces(code: str, word: str = "scan") -> list[str]:
    """Return the messages in which a scanner passes a code on."""
    parts = [code[at : at + PIECE_CHARS] for at in range(0, len(code), PIECE_CHARS)] or [""]
    return [f"{word} {i} {len(parts)} {part}" for i, part in enumerate(parts, 1)]
