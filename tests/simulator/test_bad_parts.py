"""Lines that lose messages, cables that are pulled: what each does, and demos that bear them."""

import os
import socket
import subprocess
import sys
import threading

import pytest

from simulator.demo.faults import Asked, Faults, in_words
from simulator.lines.cable import SHORE, Cable, NoCable
from simulator.lines.mqtt_line import DOUBLED, FATES, LATE, LOST, MqttLine
from tests import figures
from tests.simulator import demo_runs

pytestmark = [pytest.mark.system, pytest.mark.requirement("T11", "T25", "D17")]
DECKS = 4
SMALL = ("--taps", "60", "--seed", "5")


def publish(mid, qos=1):
    body = b"\x00\x02up" + (mid.to_bytes(2, "big") if qos else b"") + b"payload"
    return bytes([0x30 | qos << 1, len(body)]) + body


class Ends(threading.Thread):
    """A program and its broker at the two ends of a line; the broker confirms in order."""

    def __init__(self, seed):
        super().__init__(daemon=True)
        self.door = socket.create_server(("127.0.0.1", 0))
        self.line = MqttLine(self.door.getsockname()[1], seed)
        self.came = []
        self.start()
        self.near = socket.create_connection(("127.0.0.1", self.line.port))
        self.near.settimeout(10)

    def run(self):
        far, _ = self.door.accept()
        with far, far.makefile("rb") as reading:
            while head := reading.read(2):
                packet = head + reading.read(head[1])
                self.came.append(packet)
                if packet[0] >> 1 & 3:
                    far.sendall(b"\x40\x02" + packet[6:8])

    def confirmed(self, count):
        with self.near.makefile("rb") as reading:
            return [int.from_bytes(reading.read(4)[2:], "big") for _ in range(count)]

    def close(self):
        self.near.close()
        self.join(150)
        self.line.close()
        self.door.close()


@pytest.fixture
def ends():
    made = Ends(seed=1)
    yield made
    made.close()


def test_messages_are_lost_doubled_and_late_and_each_is_confirmed_once_in_order(ends):
    count = DECKS * len(FATES)
    for mid in range(1, count + 1):
        ends.near.sendall(publish(mid))
    assert ends.confirmed(count) == list(range(1, count + 1)), "the sender believes all arrived"
    ends.near.close()
    ends.join(150)
    fates = ends.line.fates
    assert fates[LOST] == fates[DOUBLED] == fates[LATE] == DECKS
    mids = [int.from_bytes(packet[6:8], "big") for packet in ends.came]
    assert len(set(mids)) == count - DECKS and len(mids) == count
    assert mids != sorted(mids), "some were overtaken"
    assert sum(packet[0] & 8 > 0 for packet in ends.came) == DECKS, "a double says that it is one"


def test_what_is_no_confirmed_message_passes_whole_and_in_pieces(ends):
    sent = b"\x10\x00" + publish(0, qos=0) + b"\xc0\x00" + publish(0, qos=0)
    for at in range(len(sent)):
        ends.near.sendall(sent[at : at + 1])
    ends.near.shutdown(socket.SHUT_WR)
    ends.join(150)
    assert b"".join(ends.came) == sent and not ends.line.fates


@pytest.fixture
def cable():
    try:
        made = Cable()
    except NoCable as reason:
        assert str(reason)
        pytest.skip(f"network namespaces: {reason}")
    yield made
    made.close()


def reached(cable, host, door):
    """Dial a listening socket from the island; return whether anybody answered."""
    dial = f"import socket; socket.create_connection(('{host}', {door.getsockname()[1]}), 0.5)"
    command = [*cable.on_island, sys.executable, "-c", dial]
    return subprocess.run(command, capture_output=True).returncode == 0


def test_an_island_reaches_the_shore_and_not_the_machine_and_nobody_while_it_is_pulled(cable):
    with cable.listen() as shore, socket.create_server(("127.0.0.1", 0)) as machine:
        assert reached(cable, SHORE, shore)
        assert not reached(cable, "127.0.0.1", machine), "the island's loopback is its own"
        cable.pull()
        assert not reached(cable, SHORE, shore) and cable.pulls == 1
        cable.plug()
        assert reached(cable, SHORE, shore)
    assert "shore" not in os.listdir("/sys/class/net"), "the machine's own network is not touched"


def test_a_fault_that_was_asked_for_and_never_came_is_told():
    faults = Faults(Asked(bad_line=1, kill_broker=2))
    assert faults.missed() == 5 and set(faults.injected().values()) == {0}
    assert in_words(faults.injected(), "needs root").endswith("partitions skipped: needs root")
    assert in_words(Faults(Asked()).injected(), "") == ""


def test_a_partition_that_cannot_be_made_here_is_left_out_and_says_why(monkeypatch):
    monkeypatch.setenv("PATH", "")
    faults = Faults(Asked(partition=2))
    assert faults.lines(1883) == (1883, "127.0.0.1", 1883) and faults.strike() == []
    assert faults.missed() == 0
    said = in_words(faults.injected(), faults.no_cable)
    assert said == "partitions skipped: needs unshare and nsenter and ip, for network namespaces"


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.requirement("I2", "I4", "I9", "I12", "W-131")
@pytest.mark.parametrize("broker", ["iotcore", "mosquitto"])
def test_a_demo_over_bad_lines_with_its_broker_killed_ends_in_the_same_books(
    system_command, broker
):
    if broker == "mosquitto":
        system_command("mosquitto")
    good = demo_runs.result_of(*SMALL)
    words = ("--bad-line", 5, "--kill-broker", 4, "--partition", 2, "--broker", broker)
    code, bad, err = demo_runs.play(*SMALL, *words)
    assert bad is not None and code == 0, err
    injected, skipped = bad.pop("injected"), bad.pop("partitions_skipped")
    assert injected["broker killed"] == 4 and min(injected.values()) > 0
    assert injected.get("cable pulled") == 2 or skipped
    for name, count in injected.items():
        figures.add(f"demo: {name}", count)
    assert (good.pop("injected"), good.pop("partitions_skipped")) == ({}, "")
    assert bad == good, "byte for byte the entries, cent for cent the books"
