"""What a stranger on the network can send: acknowledgements, entries and packages.

He knows every public thing (topics, layouts, device numbers), hears what passes, and has no key.
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from card_layouts.codec import cbor
from card_layouts.errors import LayoutError
from card_layouts.link.batches import decode_batch, encode_batch
from card_layouts.packages.ack import ACK, ACK_LAYOUT, ack_digest, join_ack_batch
from simulator.histories.depot import Depot
from simulator.histories.events import Event
from simulator.histories.places import LEDGER
from simulator.histories.town import EPOCH, town
from simulator.histories.world import World
from simulator.prng import Prng

FORGED = 8
FAR_SEQ = 100_000


def acks(world: World, event: Event) -> None:
    """Acknowledge what nobody holds: invented, signed by a stranger, changed, cut, old."""
    prng = Prng(event.salt)
    depot = prng.choice(world.depots)
    topic = depot.config.topic("ack")
    heard = [payload for name, payload in world.post.seen.get(depot.name, []) if name == topic]
    sent = set()
    for number in range(FORGED):
        batch = _invented_ack(world, depot, prng)
        if heard and number % 2:
            batch = _spoilt(prng.choice(heard), prng)
        sent.add(world.post.forge(depot.name, topic, batch))
    depot.busy()
    _arrive(world, event, depot.name, sent, "acknowledgements")


def entries(world: World, event: Event) -> None:
    """Send batches nobody made: genuine slots changed, moved to other numbers, or from memory."""
    prng = Prng(event.salt)
    depot = prng.choice(world.depots)
    topic = depot.config.topic("up")
    heard = [payload for name, payload in world.post.seen.get(LEDGER, []) if name == topic]
    sent = set()
    for _ in range(FORGED // 2):
        if not heard:
            break
        try:
            _, runs = decode_batch(prng.choice(heard))
        except LayoutError:
            continue
        batch = encode_batch(depot.name, [_changed(run, prng) for run in runs])
        sent.add(world.post.forge(LEDGER, topic, batch))
    sent.add(world.post.forge(LEDGER, topic, prng.bytes(prng.below(200))))
    world.inland.busy()
    _arrive(world, event, LEDGER, sent, "batches")


def packages(world: World, event: Event) -> None:
    """Send an edge packages that are older, cut, changed, or meant for another device."""
    prng = Prng(event.salt)
    depot = prng.choice(world.depots)
    topic = depot.config.topic("down")
    heard = [payload for name, payload in world.post.seen.get(depot.name, []) if name == topic]
    sent = set()
    for _ in range(FORGED):
        if heard:
            sent.add(world.post.forge(depot.name, topic, _mixed(prng.choice(heard), prng)))
    depot.busy()
    _arrive(world, event, depot.name, sent, "packages")


def _arrive(world: World, event: Event, to: str, sent: set[int], what: str) -> None:
    """It strikes when somebody takes one: he may be away until the broker has forgotten them."""
    said = f"{len(sent)} {what} by a stranger arrive"
    world.strike_when(lambda: not sent.isdisjoint(world.post.taken), event.what, to, said)


def _invented_ack(world: World, depot: Depot, prng: Prng) -> bytes:
    device = prng.choice(list(world.boards))
    seq = prng.choice((1 + prng.below(60), FAR_SEQ))
    statement = ACK.pack(
        {
            "layout": ACK_LAYOUT,
            "device": device,
            "epoch": EPOCH,
            "seq": seq,
            "incarnation": prng.between(1, 3),
            "time": world.clock.utc_seconds(),
            "H": depot.chain_at(device, seq) or prng.bytes(32),
            "mac": prng.bytes(16),
        }
    )
    stranger = Ed25519PrivateKey.from_private_bytes(prng.bytes(32))
    key_id = prng.choice([*town().publics, prng.bytes(4)])
    return bytes(join_ack_batch([statement], key_id, stranger.sign(ack_digest([statement]))))


def _spoilt(payload: bytes, prng: Prng) -> bytes:
    kind = prng.below(3)
    if kind == 0 or not payload:
        return payload  # as it was: old
    at = prng.below(len(payload))
    return payload[:at] if kind == 1 else _flipped(payload, at, prng)


def _changed(run: tuple, prng: Prng) -> tuple:
    """Return a run with one slot changed, or all of it under another device's number."""
    device, epoch, first, before, slots = run
    slots = [bytes(slot) for slot in slots]
    kind = prng.below(3)
    if kind == 0 and slots:
        number = prng.below(len(slots))
        slots[number] = _flipped(slots[number], prng.below(128), prng)
    elif kind == 1:
        first += 1 + prng.below(5)
    return device, epoch, first, before, slots


def _mixed(payload: bytes, prng: Prng) -> bytes:
    try:
        said = cbor.decode(payload)
    except LayoutError:
        return payload
    if said[1] != "package":
        return payload
    kind = prng.below(4)
    if kind == 0:
        said[2] = prng.choice(list(town().configs))  # another device's
    elif kind == 1:
        said[4] = said[4][: prng.below(len(said[4]) + 1)]
    elif kind == 2:
        said[3] = _flipped(said[3], prng.below(len(said[3])), prng)
    return bytes(cbor.encode(said))


def _flipped(data: bytes, at: int, prng: Prng) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << prng.below(8)]) + data[at + 1 :]
