"""A depot whose operator is not honest: he owns its machine, its database and what passes through.

He has no key of a device or of the ledger. So he can offer what was signed once and is old, mix and
cut it, tell boards that everything is acknowledged, and keep entries to himself; and he can keep a
validator away from every dock. Source: trust.md T9, T13, 6.7 "Dishonest edge"; decision D6.
"""

import sqlite3
from collections.abc import Callable

from card_layouts.packages.ack import ACK
from card_layouts.packages.manifest import ACTIONS, MANIFEST
from simulator.histories.depot import Depot
from simulator.histories.events import Event
from simulator.histories.town import EPOCH
from simulator.histories.world import World
from simulator.prng import Prng

HOUR_MS = 3_600_000
TAPS_AHEAD = 8  # entries that a board makes until it docks again, about
AHEAD = 1000  # versions: an edge offers only what it takes for newer than what a board has


def hostile(world: World, event: Event) -> None:
    """Change an edge's database by hand; at the end of everything its disk is thrown away."""
    prng = Prng(event.salt)
    depot = prng.choice(world.depots)
    if world.inland.restores or world.inland.may_restore:
        return  # entries that only this edge held would be gone, rightly
    depot.die()
    depot.was_wiped = True
    name, trick = prng.choice(TRICKS)
    changed = by_hand(depot, lambda connection: trick(world, depot, connection, prng))
    if changed:
        world.strike(event.what, depot.name, f"{name}: {changed} rows")
    depot.start()


def by_hand(depot: Depot, change: Callable[[sqlite3.Connection], int]) -> int:
    """Return how many rows `change` changed in an edge's database: none where it is damaged."""
    connection = sqlite3.connect(depot.config.database)
    try:
        with connection:  # the commit too finds what is damaged
            return change(connection)
    except sqlite3.DatabaseError:
        return 0
    finally:
        connection.close()


def packages_old(world: World, event: Event) -> None:
    """Let an edge offer signed packages again that were right once: tariffs, lists, leases."""
    prng = Prng(event.salt)
    depot = prng.choice(world.depots)
    depot.die()
    changed = 0
    if depot.config.database.exists():
        kind, trick = prng.choice(OFFERS)
        changed = by_hand(depot, lambda connection: trick(world, depot, connection, prng))
    if changed:
        world.strike(event.what, depot.name, f"{kind}: {changed} packages")
        world.later(prng.between(3, 12) * HOUR_MS, lambda: _honest(world, depot))
    depot.start()


def actions_old(world: World, event: Event) -> None:
    """Let an edge offer action lists of earlier: rolled back, another board's, mixed or cut."""
    prng = Prng(event.salt)
    depot = prng.choice(world.depots)
    passed = world.post.packages(depot.name)
    lists = [row for row in passed if MANIFEST.get(row[1], "role") == ACTIONS]
    if not lists or not depot.config.database.exists():
        return

    def offer(connection: sqlite3.Connection) -> int:
        devices = sorted({device for device, _, _ in lists})
        for device in devices:
            own = [row for row in lists if row[0] == device]
            _, envelope, body = prng.choice(lists if prng.chance(1, 4) else own)
            if prng.chance(1, 4):
                body = prng.choice(lists)[2]
            if prng.chance(1, 4):
                body = body[: prng.below(len(body))]
            _offer(connection, device, envelope, body, prng.choice((0, AHEAD)))
        return len(devices)

    depot.die()
    changed = by_hand(depot, offer)
    if changed:
        world.strike(event.what, depot.name, f"one of {len(lists)} action lists for {changed}")
        world.later(prng.between(3, 12) * HOUR_MS, lambda: _honest(world, depot))
    depot.start()


def _offer(
    connection: sqlite3.Connection, device: int, envelope: bytes, body: bytes, ahead: int
) -> None:
    """Lay a package into an edge as if it were `ahead` versions newer."""
    said = MANIFEST.unpack(envelope)
    connection.execute("INSERT OR REPLACE INTO bodies VALUES (?, ?)", (said["sha256"], body))
    connection.execute(
        "INSERT OR REPLACE INTO packages VALUES (?, ?, ?, ?, ?, ?, 0)",
        (device, said["role"], said["authority"], said["version"] + ahead, envelope,
         said["sha256"]),
    )  # fmt: skip


def _honest(world: World, depot: Depot) -> None:
    """Take away what was laid into the edge; the ledger sends what is current at its birth."""
    depot.die()
    by_hand(
        depot,
        lambda c: sum(c.execute(f"DELETE FROM {name}").rowcount for name in ("packages", "bodies")),
    )
    world.say(depot.name, "offers only what it is sent")
    depot.start()


# What is offered --------------------------------------------------------------------------


def _old(world: World, depot: Depot, connection: sqlite3.Connection, prng: Prng) -> int:
    """The oldest envelope and body there ever were for each device and role."""
    oldest: dict[tuple[int, int, int], tuple[bytes, bytes]] = {}
    for device, envelope, body in world.post.packages(depot.name):
        said = MANIFEST.unpack(envelope)
        oldest.setdefault((device, said["role"], said["authority"]), (envelope, body))
    for (device, _, _), (envelope, body) in oldest.items():
        _offer(connection, device, envelope, body, AHEAD)
    return len(oldest)


def _mixed(world: World, depot: Depot, connection: sqlite3.Connection, prng: Prng) -> int:
    """The envelope of one package with the body of another."""
    hashes = [row[0] for row in connection.execute("SELECT sha256 FROM bodies ORDER BY sha256")]
    rows = connection.execute("SELECT device, role, authority FROM packages ORDER BY 1, 2, 3")
    found = rows.fetchall()
    for row in found if hashes else []:
        connection.execute(
            "UPDATE packages SET sha256 = ? WHERE device = ? AND role = ? AND authority = ?",
            (prng.choice(hashes), *row),
        )
    return len(found)


def _foreign(world: World, depot: Depot, connection: sqlite3.Connection, prng: Prng) -> int:
    """Another device's envelope of the same role."""
    rows = connection.execute("SELECT role, envelope FROM packages ORDER BY role, device")
    by_role: dict[int, list[bytes]] = {}
    for role, envelope in rows.fetchall():
        by_role.setdefault(role, []).append(envelope)
    count = 0
    for role, envelopes in sorted(by_role.items()):
        changed = connection.execute(
            "UPDATE packages SET version = version + 1000, envelope = ? WHERE role = ?",
            (prng.choice(envelopes), role),
        )
        count += changed.rowcount
    return count


def _cut(world: World, depot: Depot, connection: sqlite3.Connection, prng: Prng) -> int:
    """Images without their ends."""
    return connection.execute(
        "UPDATE bodies SET body = substr(body, 1, length(body) * ? / 10)", (prng.below(10),)
    ).rowcount


# What is hidden or claimed ----------------------------------------------------------------


def _swallow(world: World, depot: Depot, connection: sqlite3.Connection, prng: Prng) -> int:
    """Entries the ledger has not acknowledged are gone, and forgotten to have been there."""
    gone = connection.execute("DELETE FROM entries WHERE seq % 2 = ?", (prng.below(2),)).rowcount
    connection.execute("DELETE FROM runs")
    return gone


def _change(world: World, depot: Depot, connection: sqlite3.Connection, prng: Prng) -> int:
    """Every slot not sent yet has other bytes."""
    # A damaged page can show NULL or nothing where a slot was: there is no byte to change.
    rows = connection.execute(
        "SELECT device, epoch, seq, slot FROM entries WHERE length(slot) > 0"
    ).fetchall()
    for device, epoch, seq, slot in rows:
        at = prng.below(len(slot))
        bad = slot[:at] + bytes([slot[at] ^ 1]) + slot[at + 1 :]
        connection.execute(
            "UPDATE entries SET slot = ? WHERE device = ? AND epoch = ? AND seq = ?",
            (bad, device, epoch, seq),
        )
    return len(rows)


def _acknowledge(world: World, depot: Depot, connection: sqlite3.Connection, prng: Prng) -> int:
    """Every board is told that all it has is in the books, and what it makes next as well."""
    rows = connection.execute(
        "SELECT device, max(last_seq), H_last FROM runs GROUP BY device ORDER BY device"
    ).fetchall()
    for device, last_seq, chain in rows:
        seq = last_seq + prng.below(TAPS_AHEAD)
        said = {"layout": 1, "device": device, "epoch": EPOCH, "seq": seq, "incarnation": 1}
        statement = ACK.pack({**said, "H": chain, "time": 1, "mac": prng.bytes(16)})
        connection.execute(
            "INSERT OR REPLACE INTO marks VALUES (?, ?, ?, 1, ?, 0)",
            (device, EPOCH, seq, statement),
        )
    return len(rows)


Trick = Callable[[World, Depot, sqlite3.Connection, Prng], int]
OFFERS: tuple[tuple[str, Trick], ...] = (
    ("old packages again", _old),
    ("envelopes and bodies mixed", _mixed),
    ("envelopes of other devices", _foreign),
    ("bodies cut", _cut),
)
TRICKS: tuple[tuple[str, Trick], ...] = (
    ("entries kept away", _swallow),
    ("entries changed", _change),
    ("acknowledgements made up", _acknowledge),
)


# A validator nobody brings to a dock -------------------------------------------------------


def withheld(world: World, event: Event) -> None:
    """Keep a gate away from every dock: until everything is mended, or for good."""
    board, prng = world.boards.get(event.device), Prng(event.salt)
    if board is None or board.is_gone or event.device in world.withheld:
        return
    if event.device in world.docked:
        world.docked[event.device].end()
    for_good = prng.chance(1, 2) and len(world.gates()) > 2
    world.withheld[event.device] = for_good
    world.strike(event.what, board.name, "is kept from every dock" + ", for good" * for_good)
