"""Batches from a real broker to a real ledger and back: refused by name, acknowledged, resumed."""

import pytest

from backend_sync.due import Due
from backend_sync.intake import Intake
from backend_sync.ledger import Ledger
from backend_sync.mqtt import Unconfirmed
from backend_sync.ports import KeyringAbsent, KeyringRefused, Message
from backend_sync.quarantine import Quarantine
from card_layouts.codec import cbor
from card_layouts.crypto.ed25519 import verify
from card_layouts.crypto.kdf import device_key, device_label
from card_layouts.packages.ack import check_ack, split_ack_batch
from tests.backend_sync import sealed_devices as sd

TOPIC = f"tornello/v1/{sd.AUTHORITY}/{sd.EDGE}"
NOTHING = "tornello/v1/244/nobody/up"


class Desk:
    """Intake over a real ledger and keyring; the broker is a list of what was published."""

    def __init__(self, path):
        self.path = path
        self.ring = sd.keyring(path / "keyring")
        self.ring.provision(4712, 1, sd.AUTHORITY, 7, "depot-2")
        self.clock = sd.ManualClock()
        self.ledger = Ledger(f"sqlite:///{path / 'ledger.db'}", self.clock, self.ring, {})
        self.ledger.import_issues([sd.issue_row(n, state=4) for n in range(1, 10)])
        self.quarantine = Quarantine(path / "quarantine")
        self.published, self.finished = [], []
        self.intake = Intake(self, self.ledger, self.ring, self.quarantine, self.clock, 1000)
        self.device = sd.SealedDevice(self.ring.keys.root)

    # The broker's side
    connected = True

    def publish(self, topic, payload, retain=False):
        if self.connected:
            self.published.append((topic, payload))
        return self.connected

    def done(self, message):
        self.finished.append(message)

    def bring(self, payload, topic=f"{TOPIC}/up"):
        self.intake.take(Message(topic, payload, len(self.finished)))

    def acks(self):
        """Return (topic, verified acknowledgements) of everything published since last time."""
        publics = dict(self.ring.assemble("publics", {}))
        found = []
        for topic, batch in self.published:
            statements, key_id, signature, digest = split_ack_batch(batch)
            verify(publics[key_id], digest, signature)
            found.append((topic, [self.checked(statement) for statement in statements]))
        self.published = []
        return found

    def checked(self, statement):
        for device in (4711, 4712):
            try:
                key = device_label(device_key(self.ring.keys.root, device, 1), b"ack")
                return check_ack(statement, key)
            except ValueError:
                continue
        raise AssertionError("an acknowledgement for nobody")

    def close(self):
        self.ledger.close()
        self.ring.close()


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def entries(count):
    return [sd.refusal(1 + n % 9) for n in range(count)]


@pytest.mark.requirement("D16", "D17")
def test_a_group_of_batches_is_posted_and_each_edge_hears_of_its_own_devices(desk):
    other = sd.SealedDevice(desk.ring.keys.root, device=4712)
    desk.bring(sd.batch(desk.device.run(entries(40))))
    desk.bring(sd.batch(other.run(entries(5)), edge="depot-2"), "tornello/v1/244/depot-2/up")
    desk.bring(sd.batch(desk.device.run(entries(10))))
    assert desk.intake.post()
    acks = dict(desk.acks())
    assert sorted(acks) == ["tornello/v1/244/depot-1/ack", "tornello/v1/244/depot-2/ack"]
    (mine,) = acks["tornello/v1/244/depot-1/ack"]
    assert (mine["device"], mine["seq"], mine["H"]) == (4711, 50, desk.device.chain)
    assert acks["tornello/v1/244/depot-2/ack"][0]["seq"] == 5
    assert desk.intake.counts.posted == 55 and len(desk.finished) == 3


@pytest.mark.requirement("D16")
def test_a_replayed_batch_is_acknowledged_again_and_counts_nothing(desk):
    payload = sd.batch(desk.device.run(entries(20)))
    desk.bring(payload)
    assert desk.intake.post()
    first = desk.acks()
    before = desk.ledger.report()
    desk.bring(payload)
    assert desk.intake.post()
    assert desk.acks() == first
    assert desk.ledger.report() == before


@pytest.mark.requirement("D16")
def test_an_edge_with_only_the_older_entries_hears_how_far_it_has_come(desk):
    """A device that docked at two depots: H of the head says nothing to the first one."""
    older, chain = desk.device.run(entries(20)), desk.device.chain
    newer = desk.device.run(entries(40))
    desk.bring(sd.batch(older))
    desk.bring(sd.batch(newer, edge="depot-2"), "tornello/v1/244/depot-2/up")
    assert desk.intake.post()
    head = (4711, 60, desk.device.chain)
    assert told(desk) == [head, head]
    desk.bring(sd.batch(older))
    assert desk.intake.post()
    assert told(desk) == [head, (4711, 20, chain)]


@pytest.mark.requirement("D16", "I12")
def test_an_edge_whose_chain_is_not_ours_hears_of_the_head_only(desk):
    older = desk.device.run(entries(20))
    newer = desk.device.run(entries(40))
    desk.bring(sd.batch(older))
    desk.bring(sd.batch(newer, edge="depot-2"), "tornello/v1/244/depot-2/up")
    assert desk.intake.post()
    # The same entries under another H: this edge holds something else before them.
    desk.intake.due = Due(desk.ledger)
    for _ in range(2):
        desk.published = []
        desk.bring(sd.batch((*older[:3], bytes(32), older[4])))
        assert desk.intake.post()
    assert told(desk) == [(4711, 60, desk.device.chain)]


@pytest.mark.requirement("D17")
@pytest.mark.parametrize(
    ("payload", "topic", "reason"),
    [
        (b"", f"{TOPIC}/up", "LayoutError: cbor: ends at byte 0"),
        (b"\xff" * 50, f"{TOPIC}/up", "LayoutError: cbor"),
        (bytes(70_000), f"{TOPIC}/up", "LayoutError: batch: 70000 bytes, at most 65536"),
        (cbor.encode([9, sd.EDGE, []]), f"{TOPIC}/up", "LayoutError: batch.schema: 9, wanted 1"),
        (cbor.encode([1, "Depot", [[]]]), f"{TOPIC}/up", "LayoutError: batch.edge"),
        (cbor.encode([1, sd.EDGE, [[1, 1, 1, b"", []]]]), f"{TOPIC}/up", "H_before"),
        (b"x", f"{TOPIC}/ack", "Refused: topic"),
        (b"x", "tornello/v1/1000/depot-1/up", "authority '1000'"),
        (b"x", "elsewhere", "topic 'elsewhere'"),
    ],
)
def test_a_batch_nobody_can_read_is_kept_as_evidence_with_its_reason(desk, payload, topic, reason):
    desk.bring(payload, topic)
    desk.bring(sd.batch(desk.device.run(entries(3))))
    assert desk.intake.post()
    assert reason in desk.quarantine.reasons()[0]
    assert desk.acks()[0][1][0]["seq"] == 3
    assert len(desk.finished) == 2 and desk.intake.counts.quarantined == 1
    desk.bring(payload, topic)
    assert len(desk.quarantine.reasons()) == 1


@pytest.mark.requirement("D17")
def test_a_batch_that_names_another_edge_than_its_topic_is_refused(desk):
    desk.bring(sd.batch(desk.device.run(entries(3)), edge="depot-2"))
    assert desk.intake.post() and desk.acks() == []
    assert "'depot-2', but it came on the topic of 'depot-1'" in desk.quarantine.reasons()[0]


@pytest.mark.requirement("D16")
def test_forged_foreign_and_swapped_entries_stop_no_watermark(desk):
    foreign = sd.SealedDevice(b"another root".ljust(32))
    unknown = sd.SealedDevice(desk.ring.keys.root, device=99)
    theirs = sd.SealedDevice(desk.ring.keys.root, device=4712)
    mine = desk.device.run(entries(5))
    for runs in (foreign.run(entries(5)), unknown.run(entries(5)), (4712, *mine[1:]), mine):
        desk.bring(sd.batch(runs))
    assert desk.intake.post()
    assert (4711, 5, desk.device.chain) in told(desk)
    # What was written in 4712's name does not stop what it says itself, nor the right H.
    desk.bring(sd.batch(theirs.run(entries(7))))
    assert desk.intake.post()
    assert told(desk) == [(4712, 7, theirs.chain)]
    assert desk.quarantine.reasons() == [] and len(desk.finished) == 5


def told(desk):
    return [(a["device"], a["seq"], a["H"]) for _, group in desk.acks() for a in group]


@pytest.mark.requirement("D11", "D16")
def test_a_keyring_that_is_away_makes_the_group_wait_and_then_go_on(desk):
    real = desk.ring.sign
    desk.bring(sd.batch(desk.device.run(entries(5))))

    def away(kind, items):
        raise KeyringAbsent("nobody answers")

    desk.ring.sign = away
    assert not desk.intake.post()
    assert desk.published == [] and desk.finished == []
    assert "nobody answers" in desk.intake.counts.last_error
    desk.ring.sign = real
    assert desk.intake.post()
    assert desk.acks()[0][1][0]["seq"] == 5 and len(desk.finished) == 1


@pytest.mark.requirement("D16")
@pytest.mark.parametrize("error", [KeyringRefused("this one"), IndexError("a mistake of ours")])
def test_one_poisonous_batch_of_a_group_is_found_and_the_others_are_posted(desk, error):
    real = desk.ledger.post
    poison = sd.batch(desk.device.run(entries(5)))
    good = sd.batch(sd.SealedDevice(desk.ring.keys.root, device=4712).run(entries(5)))

    def post(batches):
        if any(runs[0][0] == 4711 for _, runs in batches):
            raise error
        return real(batches)

    desk.ledger.post = post
    desk.bring(poison)
    desk.bring(good)
    assert desk.intake.post()
    assert desk.quarantine.reasons() == [f"{type(error).__name__}: {error}"]
    assert desk.acks()[0][1][0]["device"] == 4712 and len(desk.finished) == 2


@pytest.mark.requirement("D16")
def test_acknowledgements_that_cannot_leave_are_asked_for_again_by_the_edge(desk):
    payload = sd.batch(desk.device.run(entries(5)))
    desk.bring(payload)
    desk.connected = False
    assert desk.intake.post() and desk.acks() == []
    desk.connected = True
    desk.bring(payload)
    assert desk.intake.post() and desk.acks()[0][1][0]["seq"] == 5


@pytest.mark.requirement("D11")
def test_no_uid_reaches_the_ledgers_files(desk, tmp_path):
    desk.bring(sd.batch(desk.device.run(entries(90))))
    assert desk.intake.post()
    desk.ledger.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("ledger.db*"))
    for number in range(1, 10):
        assert sd.uid(number) not in kept
        assert sd.uid(number).hex().encode() not in kept.lower()


@pytest.mark.requirement("D17")
def test_quarantine_is_bounded_and_forgets_the_oldest(tmp_path, monkeypatch):
    monkeypatch.setattr("backend_sync.quarantine.FILES_MAX", 3)
    quarantine = Quarantine(tmp_path / "q")
    for number in range(6):
        quarantine.keep(bytes([number]), "t", f"reason {number}", number)
    assert len(list((tmp_path / "q").glob("*.bin"))) == 3
    assert "reason 5" in quarantine.reasons()


@pytest.mark.requirement("D17")
def test_messages_are_confirmed_to_the_broker_in_the_order_they_came():
    confirmed = []
    waiting = Unconfirmed(confirmed.append)
    first, second, third = (waiting.add(mid) for mid in (7, 8, 9))
    waiting.done(second)
    assert confirmed == []
    waiting.done(first)
    waiting.done(first)
    assert confirmed == [7, 8]
    waiting.forget()
    again = waiting.add(9)
    waiting.done(third)
    assert confirmed == [7, 8]
    waiting.done(again)
    assert confirmed == [7, 8, 9]
