"""The whole ledger service over a real broker and a real keyring process."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time

import iotcore
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from backend_sync.app import build
from backend_sync.config import read_config
from backend_sync.edge_states import read_holdings
from card_layouts.codec import cbor
from card_layouts.packages.ack import ACK, split_ack_batch
from tests.backend_sync import sealed_devices as sd

PATIENCE_S = 150
TOPIC = f"tornello/v1/{sd.AUTHORITY}/{sd.EDGE}"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Edge:
    """An edge's side of the wire: publishes batches, keeps what comes back."""

    def __init__(self, port):
        self.got: dict[str, list[bytes]] = {"ack": [], "down": []}
        self.client = Client(CallbackAPIVersion.VERSION2, client_id="edge-under-test")
        self.client.on_message = lambda _c, _u, m: self.got[m.topic.rsplit("/", 1)[1]].append(
            bytes(m.payload)
        )
        self.subscribed = threading.Event()
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.client.subscribe([(f"{TOPIC}/ack", 1), (f"{TOPIC}/down", 1)])
        assert self.subscribed.wait(PATIENCE_S)

    def send(self, kind, payload, retain=False):
        self.client.publish(f"{TOPIC}/{kind}", payload, 1, retain).wait_for_publish(PATIENCE_S)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def installed(tmp_path):
    """A keyring with one device, a ledger.toml and a broker's port; nothing runs yet."""
    folder = sd.keyring_folder(tmp_path / "keyring")
    sd.keyring_registered(folder)
    port = free_port()
    (tmp_path / "ledger.toml").write_text(f"authority = 244\n[broker]\nport = {port}\n")
    return tmp_path, port, sd.SealedDevice(sd.root_key(folder))


def broker(port):
    return iotcore.Broker(port=port, listen="127.0.0.1", max_payload_size=1 << 20)


def keyring_process(folder):
    process = subprocess.Popen(
        [sys.executable, "-m", "backend_sync", "keyring", "serve", str(folder / "keyring")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert "ready" in process.stdout.readline()
    return process


def end(process, number=signal.SIGTERM):
    process.send_signal(number)
    code = process.wait(PATIENCE_S)
    if process.stdout:
        process.stdout.close()
    return code


def tick_until(service, wanted):
    until = time.monotonic() + PATIENCE_S
    while not wanted():
        assert time.monotonic() < until, service.status.path.read_text()
        service.tick()


@pytest.mark.system
@pytest.mark.requirement("D11", "D16", "D17", "D18")
def test_the_service_posts_acknowledges_and_publishes_over_a_real_broker(installed, capsys):
    folder, port, device = installed
    keyring = keyring_process(folder)
    service = build(read_config(folder / "ledger.toml"))
    with broker(port):
        edge = Edge(port)
        edge.send("state", json.dumps({"online": True, "edge": sd.EDGE}).encode(), retain=True)
        tick_until(service, lambda: len(edge.got["down"]) >= 7)
        kinds = [(cbor.decode(m)[1]) for m in edge.got["down"]]
        assert kinds == ["dock"] * 3 + ["package"] * 4
        started = time.perf_counter()
        for _ in range(10):
            edge.send("up", sd.batch(device.run([sd.refusal(1)] * 480)))
        edge.send("up", b"noise")
        tick_until(service, lambda: service.intake.counts.posted == 4800)
        seconds = time.perf_counter() - started
        tick_until(service, lambda: edge.got["ack"] and ack_seq(edge) == 4800)
        assert end(keyring, signal.SIGKILL) != 0
        edge.send("up", sd.batch(device.run([sd.refusal(1)] * 20)))
        tick_until(service, lambda: "KeyringAbsent" in service.intake.counts.last_error)
        keyring = keyring_process(folder)
        tick_until(service, lambda: ack_seq(edge) == 4820)
        holds = {"packages": [[4711, 1, 244, 1]], "dock_months": []}
        state = {"online": True, "edge": sd.EDGE, "holds": holds}
        edge.send("state", json.dumps(state).encode(), retain=True)
        tick_until(service, lambda: service.publisher.held)
        edge.close()
    service.stop.set()
    service.run()
    assert read_holdings(folder) == {"edges": [(244, sd.EDGE, True, [(4711, 1, 244, 1)])]}
    status = json.loads((folder / "ledger-status.json").read_text())
    assert (status["state"], status["posted"], status["quarantined"]) == ("stopped", 4820, 1)
    assert end(keyring) == 0
    with capsys.disabled():
        print(f"\nservice: {4800 / seconds:,.0f} refusals/s, broker to acknowledgement")


def ack_seq(edge):
    return ACK.get(split_ack_batch(edge.got["ack"][-1])[0][0], "seq")


@pytest.mark.system
@pytest.mark.requirement("D16", "D17")
def test_a_broker_killed_in_the_middle_is_found_again_and_everything_drains(installed):
    folder, port, device = installed
    keyring = keyring_process(folder)
    service = build(read_config(folder / "ledger.toml"))
    for _ in range(3):
        service.tick()  # no broker yet
    first = broker(port).start()
    edge = Edge(port)
    tick_until(service, lambda: service.broker.connected)
    edge.send("up", sd.batch(device.run([sd.refusal(1)] * 5)))
    tick_until(service, lambda: service.intake.counts.posted == 5)
    edge.close()
    first.stop()
    tick_until(service, lambda: not service.broker.connected)
    with broker(port):
        edge = Edge(port)
        tick_until(service, lambda: service.broker.connected)
        edge.send("up", sd.batch(device.run([sd.refusal(1)] * 5)))
        tick_until(service, lambda: edge.got["ack"] and ack_seq(edge) == 10)
        edge.close()
    service.close()
    end(keyring)


@pytest.mark.system
@pytest.mark.requirement("D20")
def test_the_ledger_process_ends_cleanly_and_says_so(installed):
    folder, _, _ = installed
    command = [sys.executable, "-m", "backend_sync", "serve", "--config"]
    process = subprocess.Popen(
        [*command, str(folder / "ledger.toml")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ledger: ready\n"
    assert end(process) == 0
    assert json.loads((folder / "ledger-status.json").read_text())["state"] == "stopped"
    absent = subprocess.run([*command, "/nowhere.toml"], capture_output=True, text=True)
    assert absent.returncode == 1
    assert absent.stderr == "ledger: /nowhere.toml: No such file or directory\n"
