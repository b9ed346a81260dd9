"""Lines whose connections end before what was begun is over: what is sent is made to fit."""

import socket
import threading

import pytest

from edge_agent.config import BrokerConfig
from edge_agent.mqtt import MqttBroker
from tests.edge_agent.soft_board import SoftBoard, SoftBroker
from tests.edge_agent.test_uplink_downlink import Side, slots_in

PATIENCE_S = 150
CONNACK, PUBLISH = bytes([0x20, 2, 0, 0]), 3


class ShortLine(SoftBroker):
    """A broker behind a line whose every connection ends when `life` bytes have been sent."""

    def __init__(self, life):
        super().__init__()
        self.life = self.left = life

    def publish(self, topic, payload, retain=False):
        self.left -= len(payload)
        if self.left >= 0:
            return super().publish(topic, payload, retain)
        self.left = self.life
        self.connections += 1
        self.sent = []  # what was on its way, and what would have come back
        return True  # as paho says it: that the connection is over shows later


@pytest.mark.requirement("T11", "T25", "D17")
@pytest.mark.parametrize("life", [3_000, 30_000, 90_000])
def test_a_line_that_ends_before_a_batch_is_over_brings_all_in_the_end(store, life):
    side = Side(
        store, [SoftBoard(3, entries=1500), SoftBoard(4, entries=40)], None, ShortLine(life)
    )
    for _ in range(1000):
        side.tick()
        side.deliver()
    assert side.unsent() == 0
    assert side.broker.connections > 3
    assert side.ledger.heads[3, 0][0] == 1500 and side.ledger.heads[4, 0][0] == 40


@pytest.mark.requirement("D17")
def test_a_line_that_is_well_again_gets_whole_batches_again(store):
    side = Side(store, [SoftBoard(3, entries=6000)], None, ShortLine(3_000))
    side.tick(100)
    assert max(slots_in(batch) for batch in side.broker.sent) < 30
    side.broker.left = 1 << 30
    largest = 0
    while side.unsent():
        side.tick()
        largest = max([largest, *map(slots_in, side.broker.sent)])
        side.deliver()
    assert largest == 500


class FarEnd:
    """The far end of an MQTT connection that takes packets and confirms no message."""

    def __init__(self, door):
        self.line, _ = door.accept()
        self.line.settimeout(PATIENCE_S)
        self.file = self.line.makefile("rb")
        self.packet()
        self.line.sendall(CONNACK)

    def packet(self):
        """Return kind and body of the next packet."""
        kind, length, shift = self.file.read(1)[0] >> 4, 0, 0
        while True:
            byte = self.file.read(1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return kind, self.file.read(length)

    def message(self):
        """Return the body of the next PUBLISH."""
        while True:
            kind, body = self.packet()
            if kind == PUBLISH:
                return body

    def end(self):
        self.file.close()
        self.line.shutdown(socket.SHUT_RDWR)
        self.line.close()


@pytest.mark.requirement("T11", "T25")
def test_what_was_handed_over_in_an_earlier_connection_does_not_come_first_in_the_next():
    """It did, twenty batches at once: no line that is cut lived until an answer came back."""
    woken = threading.Semaphore(0)
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(PATIENCE_S)
        config = BrokerConfig(port=door.getsockname()[1])
        broker = MqttBroker(config, "edge", ("down",), ("state", b"gone"), woken.release)
        try:
            for said in (b"first", b"second"):
                far = FarEnd(door)
                assert woken.acquire(timeout=PATIENCE_S), "it is connected"
                assert broker.publish("up", said)
                assert far.message().endswith(said)
                far.end()
            assert broker.connections == 2
        finally:
            broker.close()
