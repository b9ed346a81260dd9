"""The agent as a process: real ptys, a real broker that forgets, and a clean end."""

import json
import os
import pty
import selectors
import signal
import socket
import subprocess
import sys
import threading
import tty
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from card_layouts.codec import cbor
from card_layouts.packages.ack import ack_digest
from edge_agent.cli import main
from tests.edge_agent.soft_board import EDGE, MONTH, NOW, SoftBoard, SoftLedger, dock_key_of

ROOT = Path(__file__).resolve().parents[2]
# iotcore's own limit of 20 KB would refuse a batch of 64 KiB for ever.
BROKER_TOML = """id = 0
[router]
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[v4.1]
name = "v4-1"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v4.1.connections]
connection_timeout_ms = 60000
max_payload_size = 16777216
max_inflight_count = 100
dynamic_filters = true
"""
PREFIX = f"tornello/v1/1/{EDGE}/"
WAIT_S = 150  # patience: a wait ends when its condition holds


class PtyBoard(threading.Thread):
    """A soft board at the far end of a pseudo-terminal."""

    def __init__(self, board):
        super().__init__(daemon=True)
        self.board = board
        self.ours, theirs = pty.openpty()
        tty.setraw(theirs)
        self.port = os.ttyname(theirs)
        self.stopping = threading.Event()
        self.start()

    def run(self):
        with selectors.DefaultSelector() as selector:
            selector.register(self.ours, selectors.EVENT_READ)
            while not self.stopping.is_set():
                if selector.select(0.05):
                    answer = self.board.feed(os.read(self.ours, 4096))
                    while answer:
                        answer = answer[os.write(self.ours, answer) :]


class InlandLedger:
    """The soft ledger behind a real MQTT connection; answers a birth with dock keys."""

    def __init__(self, port, devices):
        self.ledger = SoftLedger()
        self.devices = devices
        self.batches = 0
        self.states = []
        self.silent = False
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id="ledger")
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda client, *_: client.subscribe("tornello/#", qos=1)
        self.client.on_message = self.on_message
        self.client.connect_async("127.0.0.1", port)
        self.client.loop_start()

    def births(self):
        return {state["birth"] for state in self.states if state["online"]}

    def on_message(self, client, _data, message):
        if message.topic == PREFIX + "up":
            self.batches += 1
            acks = self.ledger.take(message.payload)
            if acks and not self.silent:
                client.publish(PREFIX + "ack", acks, 1)
        elif message.topic == PREFIX + "state":
            self.states.append(json.loads(message.payload))
            keys = [[device, dock_key_of(device)] for device in self.devices]
            client.publish(PREFIX + "down", cbor.encode([1, "dock", MONTH, keys]), 1)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class World:
    """Broker, ledger, boards on ptys and the agent as a process, in one folder."""

    def __init__(self, folder, boards):
        self.folder = folder
        self.port = free_port()
        self.boards = [PtyBoard(board) for board in boards]
        self.inland = InlandLedger(self.port, [board.device for board in boards])
        self.processes = {}
        docks = "".join(f'[[dock]]\nport = "{board.port}"\n' for board in self.boards)
        (folder / "clock").write_text(str(NOW))
        (folder / "broker.toml").write_text(BROKER_TOML.format(port=self.port))
        self.config = folder / "edge.toml"
        self.config.write_text(
            f'edge = "{EDGE}"\nauthority = 1\ndata = "data"\nresend_ms = 500\nclock = "clock"\n'
            f"[broker]\nport = {self.port}\n"
            f'[ledger]\npublics = ["{self.inland.ledger.public.hex()}"]\n' + docks
        )

    def command(self, name):
        commands = {
            "broker": ["-m", "iotcore", "--config", str(self.folder / "broker.toml")],
            "edge": ["-m", "edge_agent", "edge", "run", "--config", str(self.config)],
        }
        return [sys.executable, *commands[name]]

    def start(self, name):
        log = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            self.command(name), cwd=ROOT, stdout=log, stderr=log
        )

    def kill(self, name):
        self.processes[name].kill()
        self.processes[name].wait()

    def status(self):
        try:
            return json.loads((self.folder / "data" / "status.json").read_text())
        except OSError:
            return None

    def wait(self, what, holds):
        """Wait until the agent's status satisfies `holds`, at most WAIT_S."""
        done = threading.Event()
        for _ in range(WAIT_S * 20):
            status = self.status()
            if status is not None and holds(status):
                return status
            done.wait(0.05)
        log = (self.folder / "edge.log").read_text()[-2000:]
        raise AssertionError(f"waited for {what}: {self.status()}\n{log}")

    def is_drained(self, status):
        entries = sum(len(board.board.slots) for board in self.boards)
        return status["stored"] == entries and status["unsent"] == 0

    def close(self):
        for board in self.boards:
            board.stopping.set()
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()
        self.inland.client.loop_stop()


@pytest.fixture
def world(tmp_path):
    worlds = []

    def build(*boards):
        worlds.append(World(tmp_path, boards))
        return worlds[0]

    yield build
    for built in worlds:
        built.close()


@pytest.mark.system
@pytest.mark.requirement("W-131", "T11", "D17")
def test_a_broker_killed_in_the_middle_forgets_everything_and_nothing_is_lost(world, capsys):
    boards = [SoftBoard(3, entries=1500), SoftBoard(4, entries=40)]
    world = world(*boards)
    world.start("edge")
    absent = world.wait("no broker", lambda status: status["broker"]["problem"])
    assert "no broker answers" in absent["broker"]["problem"] or "not connected" in str(absent)
    world.inland.silent = True
    world.start("broker")
    world.wait("batches", lambda status: world.inland.batches > 0)
    world.kill("broker")
    assert world.inland.batches > 0, "the broker had confirmed batches that nobody acknowledged"
    world.inland.silent = False
    world.start("broker")
    status = world.wait("everything acknowledged", world.is_drained)
    assert status["forged_acks"] == status["deleted"] == status["quarantined"] == 0
    for board in boards:
        seqs = range(1, len(board.slots) + 1)
        held = [world.inland.ledger.held[board.device, 0, seq] for seq in seqs]
        assert held == board.slots
    world.wait(
        "acknowledgements on the boards",
        lambda status: all(board.acked_seq == len(board.slots) for board in boards),
    )
    world.processes["edge"].send_signal(signal.SIGTERM)
    assert world.processes["edge"].wait(WAIT_S) == 0
    assert main(["status", "--config", str(world.config)]) == 0
    assert "edge    depot-1, stopped" in capsys.readouterr().out
    assert main(["outbox", "ls", "--json", "--config", str(world.config)]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["device"], row["last_seq"], row["acked_seq"]) for row in rows] == [
        (3, 1500, 1500),
        (4, 40, 40),
    ]


@pytest.mark.system
@pytest.mark.requirement("T17", "T12", "D16")
def test_a_killed_agent_goes_on_and_forged_acknowledgements_delete_nothing(world, tmp_path, capsys):
    board = SoftBoard(3, entries=900)
    world = world(board)
    world.inland.silent = True
    world.start("broker")
    world.start("edge")
    world.wait("entries", lambda status: status["stored"] > 100 and status["in_flight"])
    world.kill("edge")
    stranger = SoftLedger(b"stranger")
    born = world.inland.births()
    world.start("edge")
    world.wait("all stored", lambda status: status["stored"] == 900)
    world.wait("a birth: it listens", lambda status: world.inland.births() > born)
    for seq in range(1, 121):
        forged = [stranger.ack(3, 0, seq, board.chain[seq])]
        batch = (
            b"".join(forged) + world.inland.ledger.key_id + stranger.key.sign(ack_digest(forged))
        )
        world.inland.client.publish(PREFIX + "ack", batch, 1)
    status = world.wait("forgeries", lambda status: status["forged_acks"] >= 120)
    assert (status["deleted"], status["acked"], status["unsent"]) == (0, 0, 900)
    assert main(["outbox", "export", str(tmp_path / "copy.db"), "--config", str(world.config)]) == 0
    world.inland.silent = False
    assert main(["outbox", "retry", "--config", str(world.config)]) == 0
    world.wait("everything acknowledged", world.is_drained)
    with open(tmp_path / "copy.db", "rb") as copy:
        assert copy.read(15) == b"SQLite format 3"


@pytest.mark.system
@pytest.mark.requirement("D20")
def test_what_keeps_the_agent_from_starting_is_one_sentence(world):
    world = world(SoftBoard(3))

    def run():
        return subprocess.run(
            [sys.executable, "-m", "edge_agent", "edge", "run", "--config", str(world.config)],
            cwd=ROOT, capture_output=True, text=True, timeout=WAIT_S,
        )  # fmt: skip

    (world.folder / "data").write_text("a file where the folder should be")
    refused = run()
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "choose a folder that may be written" in refused.stderr
    world.config.write_text("edge = 'Depot'\n")
    refused = run()
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "edge.toml: edge: 'Depot' is not 1..24 of a-z, 0-9 and '-'" in refused.stderr
