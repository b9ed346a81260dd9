"""A board for the edge's tests: a journal of real sealed slots and the board's side of the link.

It answers as SPEC.md "Link" says and can be told to misbehave. Also: clocks, numbers and a broker
that the tests drive, and a ledger that signs acknowledgements.
"""

import hashlib
from collections import deque

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from card_layouts.crypto.kdf import block_key, device_key, device_label, dock_key
from card_layouts.link import messages
from card_layouts.link.batches import decode_batch
from card_layouts.link.dock import DockBoard
from card_layouts.link.frames import FrameReader, encode_frame
from card_layouts.packages.ack import ack_digest, check_ack, join_ack_batch, seal_ack
from card_layouts.packages.manifest import MANIFEST, open_envelope
from card_layouts.records.chain import chain_next, chain_start
from card_layouts.records.slot import SLOT_HEADER, SLOT_MAGIC, Sealer
from edge_agent.ports import LinkDown, Message

K_ROOT = b"root key of the edge's tests...."
EDGE = "depot-1"
NOW = 200_000_000  # 2026-05
MONTH = 76


class Clock:
    def __init__(self, now=NOW):
        self.now = now
        self.ms = 0

    def utc_seconds(self):
        return self.now

    def monotonic_ms(self):
        return self.ms


class Numbers:
    """Entropy that never repeats and is the same in every run."""

    def __init__(self, seed=b"edge"):
        self.seed = seed
        self.calls = 0

    def random_bytes(self, count):
        self.calls += 1
        return hashlib.sha512(self.seed + self.calls.to_bytes(4, "big")).digest()[:count]


def slot_of(sealer, device, epoch, seq, payload=None):
    header = {
        "magic": SLOT_MAGIC, "type": 1, "layout": 1, "epoch": epoch, "device": device,
        "seq": seq, "length": 96, "slot": (seq - 1) % 30, "block": (seq - 1) // 30 % 256,
    }  # fmt: skip
    return sealer.seal(SLOT_HEADER.pack(header), payload or (b"entry %d" % seq).ljust(96, b"."))


class SoftBoard:
    """A board with `entries` sealed slots; `feed(bytes) -> bytes` is its whole link."""

    def __init__(self, device=7, epoch=0, entries=0, numbers=None):
        self.device, self.epoch = device, epoch
        self.k_dev = device_key(K_ROOT, device, epoch)
        self.sealer = Sealer(block_key(self.k_dev))
        self.slots = []
        self.chain = [chain_start(device, epoch)]
        self.first_seq = 1
        self.acked_seq = 0
        self.incarnation = 0
        self.acks = []
        self.ack_status = messages.ACK_TAKEN
        self.packages = {}
        self.installed = {}
        self.verdict = None
        self.reader = FrameReader()
        k_dock_root = device_label(self.k_dev, b"dock")
        numbers = numbers or Numbers(b"board%d" % device)
        self.dock = DockBoard(
            device, epoch, lambda edge, month: dock_key(k_dock_root, edge.encode(), month),
            numbers.random_bytes,
        )  # fmt: skip
        self.answers_until = None  # frames it answers before it is pulled out
        self.append(entries)

    def append(self, count):
        for _ in range(count):
            seq = len(self.slots) + 1
            slot = slot_of(self.sealer, self.device, self.epoch, seq)
            self.slots.append(slot)
            self.chain.append(chain_next(self.chain[-1], slot))

    def statement(self):
        return {
            "first_seq": self.first_seq, "head_seq": len(self.slots), "acked_seq": self.acked_seq,
            "incarnation": self.incarnation, "H": self.chain[-1], "cash_cents": 4200,
            "v_tariff": self.installed.get(1, 0), "v_hotlist": self.installed.get(2, 0),
        }  # fmt: skip

    def feed(self, data):
        out = b""
        for frame_type, body in self.reader.feed(data):
            if self.answers_until is not None:
                if self.answers_until == 0:
                    continue
                self.answers_until -= 1
            out += self.answer(frame_type, body)
        return out

    def answer(self, frame_type, body):
        if frame_type == messages.CALL:
            return encode_frame(messages.HELLO, self.dock.hello())
        if frame_type == messages.CHALLENGE:
            return encode_frame(messages.PROOF, self.dock.prove(body, self.statement()))
        payload = self.dock.session.open_seal(frame_type, body)
        answer = {
            messages.PULL: self.pull, messages.ACK: self.take_ack, messages.OFFER: self.offer,
            messages.CHUNK: self.chunk, messages.REPORT: self.report, messages.BYE: lambda _: None,
        }[frame_type](payload)  # fmt: skip
        sent = self.seal(*answer) if answer else b""
        verdict, self.verdict = self.verdict, None
        return sent + self.seal(*verdict) if verdict else sent

    def seal(self, frame_type, payload):
        return encode_frame(frame_type, self.dock.session.seal(frame_type, payload))

    def pull(self, payload):
        asked = messages.PULL_BODY.unpack(payload)
        first = max(asked["from_seq"], self.first_seq)
        part = self.slots[first - 1 : first - 1 + asked["count"]]
        before = self.chain[min(first, len(self.chain)) - 1]
        return messages.SLOTS, messages.encode_slots(first, len(self.slots), before, b"".join(part))

    def take_ack(self, payload):
        self.acks.append(payload)
        said = {"status": self.ack_status, "acked_seq": self.acked_seq}
        if self.ack_status == messages.ACK_TAKEN:
            values = check_ack(payload, device_label(self.k_dev, b"ack"))
            self.acked_seq = said["acked_seq"] = values["seq"]
            self.incarnation = values["incarnation"]
        return messages.ACKED, messages.ACKED_BODY.pack(said)

    def offer(self, payload):
        manifest64, _ = open_envelope(payload, device_label(self.k_dev, b"cfg"))
        self.offered = MANIFEST.unpack(manifest64)
        body = self.packages.setdefault(self.offered["sha256"], b"")
        if self.installed.get(self.offered["role"], 0) >= self.offered["version"]:
            return messages.WANT, messages.WANT_BODY.pack({"status": messages.WANT_HAVE})
        return self.want(len(body))

    def want(self, offset):
        return messages.WANT, messages.WANT_BODY.pack({"offset": offset})

    def chunk(self, payload):
        offset, part = messages.decode_chunk(payload)
        sha256 = self.offered["sha256"]
        body = self.packages[sha256]
        if offset == len(body):
            body = self.packages[sha256] = body + part
        if len(body) < self.offered["size"]:
            return self.want(len(body))
        self.installed[self.offered["role"]] = self.offered["version"]
        said = {"role": self.offered["role"], "version": self.offered["version"]}
        # As the firmware does it: the body is whole, and the verdict follows when it is checked.
        self.verdict = messages.RESULT, messages.RESULT_BODY.pack(said)
        return self.want(len(body))

    def report(self, _payload):
        values = dict(self.statement(), layout=1, device=self.device, epoch=self.epoch)
        return messages.REPORT, messages.STATEMENT.pack(values)


class SoftLink:
    """The `BoardLink` port with a board at the other end; bytes wait until they are read."""

    def __init__(self, board=None):
        self.board = board
        self.port = "soft"
        self.waiting = b""
        self.spoil = None  # a function over what passes, in either direction

    def read(self):
        if self.board is None:
            raise LinkDown("soft: nobody there")
        data, self.waiting = self.waiting, b""
        return data

    def write(self, data):
        if self.board is None:
            raise LinkDown("soft: nobody there")
        sent = self.spoil(data) if self.spoil else data
        answer = self.board.feed(sent)
        self.waiting += self.spoil(answer) if self.spoil and answer else answer

    def fileno(self):
        return None

    def close(self):
        pass


class SoftBroker:
    """The `Broker` port that the test plays: `sent` went up, `deliver` comes down."""

    def __init__(self):
        self.connected = True
        self.connections = 1
        self.sent = []
        self.states = []
        self.coming = deque()
        self.confirmed = []
        self.problem = ""
        self.takes = True

    def receive(self, limit):
        return [self.coming.popleft() for _ in range(min(limit, len(self.coming)))]

    def done(self, message):
        self.confirmed.append(message)

    def publish(self, topic, payload, retain=False):
        if not self.connected or not self.takes:
            return False
        (self.states if retain else self.sent).append(payload)
        return True

    def close(self):
        self.connected = False

    def deliver(self, name, payload):
        self.coming.append(Message(f"tornello/v1/1/{EDGE}/{name}", payload, len(self.coming)))


class SoftLedger:
    """Holds whatever batches bring and acknowledges it as the real one does: H, MAC, signature."""

    def __init__(self, seed=b"ledger", incarnation=1):
        self.key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed).digest())
        self.public = self.key.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )
        self.key_id = hashlib.sha256(self.public).digest()[:4]
        self.incarnation = incarnation
        self.held = {}  # (device, epoch, seq) -> slot
        self.heads = {}  # (device, epoch) -> (seq, H) held without a hole

    def take(self, batch):
        _, runs = decode_batch(batch)
        acks = []
        for device, epoch, first_seq, _, slots in runs:
            seq, chain = self.heads.get((device, epoch), (0, chain_start(device, epoch)))
            for index, slot in enumerate(slots):
                self.held[device, epoch, first_seq + index] = slot
                if first_seq + index == seq + 1:
                    seq, chain = seq + 1, chain_next(chain, slot)
            self.heads[device, epoch] = seq, chain
            if seq:
                acks.append(self.ack(device, epoch, seq, chain))
        return self.sign(acks) if acks else b""

    def ack(self, device, epoch, seq, chain, **others):
        k_ack = device_label(device_key(K_ROOT, device, epoch), b"ack")
        values = {"device": device, "epoch": epoch, "seq": seq, "H": chain, "time": NOW,
                  "incarnation": self.incarnation, **others}  # fmt: skip
        return seal_ack(values, k_ack)

    def sign(self, statements):
        return join_ack_batch(statements, self.key_id, self.key.sign(ack_digest(statements)))


def dock_key_of(device, epoch=0, edge=EDGE, month=MONTH):
    k_dock_root = device_label(device_key(K_ROOT, device, epoch), b"dock")
    return dock_key(k_dock_root, edge.encode(), month)
