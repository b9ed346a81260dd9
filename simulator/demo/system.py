"""Sets up one demo's system in its folder: keys, devices, cards, tariffs, configurations.

Everything here happens once, before the first tap, and is the same for the same settings. The
programs themselves are started by `demo.py`.
"""

import hashlib
import json
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from backend_sync import tariffs
from backend_sync.keyring.keyfile import make_keys, write_keys
from backend_sync.keyring.local import KEY_FILE, LocalKeyring
from backend_sync.ports import Keyring
from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.gtfs import Feed, read_feed
from backend_sync.tariffs.network import derive
from backend_sync.tariffs.package_writer import write_package
from card_layouts.codec.timestamps import from_unix
from firmware.tools import build_image as firmware_image
from firmware.tools.board_command import board_command
from firmware.tools.provision import write_board
from simulator.boards.board_process import BoardProcess, micropython_path
from simulator.clock import WorldClock
from simulator.demo.files import DemoError, DemoFiles, Settings
from simulator.demo.issuing import IssuingOffice
from simulator.demo.passengers import Plan, make_plan
from simulator.demo.services import Service, listens
from simulator.demo.tickets import sell_tickets
from simulator.prng import Prng

TOWN_FEED = Path(__file__).parents[1] / "example_town" / "gtfs"
TARIFFS = Path(tariffs.__file__).parent / "shipped" / "koivula"
TOWN_ZONES = "ABCD"
EDGE = "depot"
EDGE_AUTHORITY = 1
OFFICE_DEVICE = 1
FIRST_DEVICE = 11
TOWN, FERRY = 1, 2  # authorities
TOWN_OPERATOR, FERRY_OPERATOR = 10, 20
TARIFF_VERSION = 1
BROKERS = (IOTCORE, MOSQUITTO) = ("iotcore", "mosquitto")
# The demo happens in the week of Monday 2026-06-01, whenever it is run: same seed, same bytes.
FIRST_MIDNIGHT = int(from_unix(1_780_272_000))
LEASE_HOURS = 72
# Faults planted in the validators' firmware: (file of the fare engine, what to write for what).
ONE_CENT_MORE, PURSE_BESIDE_PASS = "fare-plus-one-cent", "purse-beside-pass"
MORE = " + (1 if best[o.O_PAY] else 0)"
PLANTED = {
    ONE_CENT_MORE: (
        "settle.py",
        [
            (line, line + MORE)
            for line in ("d[D_AMOUNT] = best[o.O_PAY]", "d[D_FULL] = best[o.O_FULL]")
        ],
    ),
    PURSE_BESIDE_PASS: ("engine.py", [("if t.right and _ride(", "if False and _ride(")]),
}
OFFICE_NIGHT_S = 2 * 3600  # the cards are issued and the validators docked before the first morning


def read_network(settings: Settings) -> Feed:
    """Return the feed the demo runs on: the one named, or the small town shipped here.

    Another town's zones take the names of ours, in their order; one without zones is all zone A.
    Raises: DemoError when it has more zones than our tariff prices.
    """
    feed = read_feed(Path(settings.gtfs) if settings.gtfs else TOWN_FEED)
    names = feed.zones() or [""]
    if len(names) > len(TOWN_ZONES):
        raise DemoError(
            f"{Path(settings.gtfs).name}: {len(names)} zones ({', '.join(names[:8])} ...);"
            f" the demo's tariff prices at most {len(TOWN_ZONES)}"
        )
    if not set(names) <= set(TOWN_ZONES):
        ours = dict(zip(names, TOWN_ZONES, strict=False))
        feed = feed._replace(stops=[s._replace(zone=ours.get(s.zone, "")) for s in feed.stops])
    trips = [trip for trip in feed.trips if all(feed.stops[s].zone for s in trip.stops)]
    feed = feed._replace(trips=trips or feed.trips)
    # In the order of packages, so that a trip's index means the same to the plan and a validator.
    return feed._replace(trips=[feed.trips[run.trip] for run in derive(feed).trips])


def draw_plan(settings: Settings, feed: Feed) -> Plan:
    """Return the plan of these settings; the same every time it is asked for."""
    return make_plan(
        Prng(settings.seed).fork("plan"),
        feed,
        len(feed.zones()),
        settings.taps,
        settings.cards,
        settings.validators,
        settings.last_taps,
    )


def authority_of(validator: int, settings: Settings) -> int:
    """Return whose tariff a validator charges: with three or more the last one is the ferry's."""
    return FERRY if settings.validators >= 3 and validator == settings.validators - 1 else TOWN


def device_of(validator: int) -> int:
    return FIRST_DEVICE + validator


def prepare(files: DemoFiles, settings: Settings, feed: Feed, plan: Plan) -> None:
    """Make keys, devices, cards and configurations; leaves nothing running."""
    write_keys(files / "keyring" / KEY_FILE, make_keys([TOWN, FERRY], seed=f"demo {settings.seed}"))
    keyring = LocalKeyring(files / "keyring")
    try:
        publics = keyring.assemble("publics", {})
        office = keyring.provision(OFFICE_DEVICE, 0, TOWN, TOWN_OPERATOR, EDGE, "issuer")
        for validator in range(settings.validators):
            authority = authority_of(validator, settings)
            operator = FERRY_OPERATOR if authority == FERRY else TOWN_OPERATOR
            device = device_of(validator)
            config = keyring.provision(device, 0, authority, operator, EDGE, "validator")
            write_board(_profiled(config), files.device(device), files.journal(device))
        write_tariffs(files / "tariffs", feed, settings)
        # The office docks as any device does; what it docks with needs no card keys but K1.
        docking = {
            **office,
            "card_keys": {g: {"K1": k["K1"]} for g, k in office["card_keys"].items()},
        }
        write_board(_profiled(docking), files.device(OFFICE_DEVICE), files.journal(OFFICE_DEVICE))
        issue_cards(files, settings, plan, office)
        sell_tickets(files, office, Prng(settings.seed).fork("tourists"), FIRST_MIDNIGHT)
        list_cards(files, keyring, plan, fates=("hotlisted",))
    finally:
        keyring.close()
    write_clock(files, FIRST_MIDNIGHT)
    write_edge_config(files, settings, publics)


def _profiled(config: dict[str, Any]) -> dict[str, Any]:
    """Return a device's configuration with what its place adds: cards of every issuer may ride."""
    return {**config, "profile": {"issuers": [TOWN, FERRY]}}


def build_image(files: DemoFiles, plant: str = "") -> None:
    """Build the validators' romfs image.

    Raises: DemoError naming the file that does not compile.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            root = firmware_image.ROOT
            if plant in PLANTED:
                root = _planted_sources(root, Path(folder), plant)
            firmware_image.build_image(files / "validator.romfs", root=root)
    except firmware_image.ImageError as error:
        raise DemoError(f"the firmware image cannot be built: {error}") from None


def _planted_sources(root: Path, folder: Path, plant: str) -> Path:
    """Copy the firmware's sources and make its fare engine wrong there, and only there."""
    for name in ("firmware", "card_layouts"):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("build", "*.pyc"))
    name, changes = PLANTED[plant]
    path = folder / "card_layouts" / "fares" / name
    text = path.read_text()
    for right, wrong in changes:
        assert text.count(right) == 1, f"the lines of {name} that are made wrong have changed"
        text = text.replace(right, wrong)
    path.write_text(text)
    return folder


def start_command(files: DemoFiles, board: BoardProcess, trace: bool) -> list[str]:
    """Return the command that runs a board: MicroPython, the image, its lines and its flash."""
    return board_command(
        micropython_path(),
        files / "validator.romfs",
        files.device(board.device),
        board.reader.path,
        board.link.path,
        board.control_line.path,
        files.journal(board.device),
        trace,
    )


def write_tariffs(folder: Path, feed: Feed, settings: Settings) -> None:
    """Compile the shipped tariffs over the feed and lay them where the publisher looks."""
    for name, authority in (("tariff.toml", TOWN), ("ferry.toml", FERRY)):
        body = write_package(read_tariff(TARIFFS / name, TARIFF_VERSION).book, feed)
        (folder / f"authority-{authority}.ttar").write_bytes(body)


def issue_cards(files: DemoFiles, settings: Settings, plan: Plan, office: dict[str, Any]) -> None:
    """Make and load every card of the plan; leave its rows for the ledger's registers."""
    clock = WorldClock(FIRST_MIDNIGHT)
    desk = IssuingOffice(
        office, files.journal(OFFICE_DEVICE), clock, Prng(settings.seed).fork("office")
    )
    for number, rider in enumerate(plan.riders, 1):
        clock.advance(20_000)
        desk.issue(number, rider, files.card(number))
    (files / "issues.bin").write_bytes(b"".join(desk.issues))
    (files / "batches.json").write_text(json.dumps(desk.batches))
    (files / "sales.json").write_text(json.dumps([sale._asdict() for sale in desk.sales]))


def list_cards(files: DemoFiles, keyring: Keyring, plan: Plan, fates: tuple[str, ...]) -> None:
    """Write the hotlist: the cards of these fates, by pseudonym, to be blocked or killed."""
    rows = (files / "issues.bin").read_bytes()
    issues = [rows[at : at + 64] for at in range(0, len(rows), 64)]
    pseudonyms = keyring.pseudonyms(issues)
    cards = [
        {"card": pseudonym.hex(), "action": "kill" if rider.fate == "killed" else "block", "g": 1}
        for pseudonym, rider in zip(pseudonyms, plan.riders, strict=True)
        if rider.fate in fates
    ]
    _replace(files / "tariffs" / "hotlist.json", json.dumps({"cards": cards}, indent=1))


def write_clock(files: DemoFiles, seconds: int) -> None:
    """Tell the inland programs what time it is in this world."""
    _replace(files / "clock", str(seconds))


def write_edge_config(
    files: DemoFiles, settings: Settings, publics: list[tuple[bytes, bytes]]
) -> None:
    keys = ", ".join(f'"{public.hex()}"' for _key_id, public in publics)
    (files / "edge" / "publics.toml").write_text(f"\n[ledger]\npublics = [{keys}]\n")


def start_configs(files: DemoFiles, lines: tuple[int, str, int], docks: dict[str, str]) -> None:
    """Write the configurations that hold this run's lines: the ledger's port, the edge's host
    and port, and the serial lines."""
    ledger_port, edge_host, edge_port = lines
    (files / "ledger.toml").write_text(
        'database = "ledger.db"\nkeyring = "keyring/keyring.sock"\npackages = "tariffs"\n'
        f'clock = "clock"\nauthority = {EDGE_AUTHORITY}\n\n[broker]\nport = {ledger_port}\n\n'
        f"[lease]\nhours = {LEASE_HOURS}\nrenew_hours = 20\n"
    )
    tables = "".join(
        f'\n[[dock]]\nname = "{name}"\nport = "{path}"\n' for name, path in docks.items()
    )
    (files / "edge" / "edge.toml").write_text(
        f'edge = "{EDGE}"\nauthority = {EDGE_AUTHORITY}\ndata = "."\nclock = "../clock"\n'
        f'resend_ms = 1000\ndock_pace_ms = 100\n\n[broker]\nhost = "{edge_host}"\n'
        f"port = {edge_port}\n" + (files / "edge" / "publics.toml").read_text() + tables
    )


def broker(files: DemoFiles, port: int, kind: str = IOTCORE) -> Service:
    """Return the broker: the one that pip installs, or mosquitto.

    Raises: DemoError where mosquitto is not installed.
    """
    command = _mosquitto(files, port) if kind == MOSQUITTO else _iotcore(files, port)
    return Service("broker", command, files.log("broker"), lambda: listens(port))


def _mosquitto(files: DemoFiles, port: int) -> list[str]:
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if found is None:
        raise DemoError("mosquitto is not installed: leave --broker away, or apt install mosquitto")
    path = files / "mosquitto.conf"
    path.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmessage_size_limit 0\nuser root\n"
    )
    return [found, "-c", str(path)]


def _iotcore(files: DemoFiles, port: int) -> list[str]:
    # iotcore closes a connection over a payload of more than 20 kB unless a file says otherwise:
    # batches have up to 64 KiB, tariffs more.
    (files / "broker.toml").write_text(
        "id = 0\n\n[router]\nid = 0\nmax_connections = 1000\nmax_outgoing_packet_count = 200\n"
        'max_segment_size = 104857600\nmax_segment_count = 10\n\n[v4.1]\nname = "v4-1"\n'
        f'listen = "127.0.0.1:{port}"\nnext_connection_delay_ms = 1\n\n[v4.1.connections]\n'
        "connection_timeout_ms = 60000\nmax_payload_size = 4194304\nmax_inflight_count = 100\n"
        "dynamic_filters = true\n"
    )
    config = str(files / "broker.toml")
    return [sys.executable, "-m", "iotcore", "--config", config, "--log-level", "CRITICAL"]


def keyring_service(files: DemoFiles) -> Service:
    socket_path = files / "keyring" / "keyring.sock"
    command = [sys.executable, "-m", "backend_sync", "keyring", "serve", str(files / "keyring")]
    return Service("keyring", command, files.log("keyring"), socket_path.exists)


def ledger_service(files: DemoFiles, plant: str) -> Service:
    command = [
        sys.executable,
        "-m",
        "backend_sync",
        "serve",
        "--config",
        str(files / "ledger.toml"),
    ]
    status = files / "ledger-status.json"
    return Service(
        "ledger",
        command,
        files.log("ledger"),
        lambda: _running(status),
        {"TORNELLO_PLANT": plant} if plant else {},
    )


def edge_service(files: DemoFiles, before: list[str]) -> Service:
    """Return the edge; `before` its command stands what puts it where it lives."""
    command = [
        *before,
        sys.executable,
        "-m",
        "edge_agent",
        "edge",
        "run",
        "--config",
        str(files / "edge" / "edge.toml"),
    ]
    return Service(
        "edge", command, files.log("edge"), lambda: _running(files / "edge" / "status.json")
    )


def _running(status: Path) -> bool:
    try:
        return json.loads(status.read_text()).get("state", "running") != "stopped"
    except (OSError, ValueError):
        return False


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(path.name + ".new")
    beside.write_text(text)
    beside.replace(path)


def entries_hash(files: DemoFiles) -> str:
    """Return SHA-256 over the sorted set of sealed entries in the ledger's database."""
    digest = hashlib.sha256()
    with closing(sqlite3.connect(files / "ledger.db")) as database:
        for (slot,) in sorted(database.execute("SELECT slot FROM entries")):
            digest.update(slot)
    return digest.hexdigest()
