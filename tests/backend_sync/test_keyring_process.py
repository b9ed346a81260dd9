"""The keyring as a process: rude clients, kill -9 in the middle, its command line."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

import pytest

from backend_sync.keyring import wire
from backend_sync.keyring.calls import Calls
from backend_sync.keyring.remote import RemoteKeyring
from backend_sync.keyring.server import Server, SocketInUse
from backend_sync.ports import KeyringAbsent, KeyringError, KeyringRefused
from tests.backend_sync import sealed_devices as sd

COMMAND = [sys.executable, "-m", "backend_sync", "keyring"]


@pytest.fixture
def served(tmp_path):
    """Serve a keyring in a thread; give (keyring, socket path, what the server said)."""
    said: list[str] = []
    ready, stop = threading.Event(), threading.Event()
    path = tmp_path / "keyring.sock"
    rings = []

    def serve():
        ring = sd.keyring(tmp_path / "keyring")
        rings.append(ring)
        server = Server(path, Calls(ring).answer, said.append)
        ready.set()
        while not stop.is_set():
            server.serve_once(0.02)
        server.close()
        ring.close()

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(150)
    yield rings[0], path, said
    stop.set()
    thread.join()


def say(path, *pieces: bytes) -> bytes:
    """Send bytes as a client without manners; return what came back."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(path))
        try:
            for piece in pieces:
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)
            return client.recv(4096)
        except (BrokenPipeError, ConnectionResetError):  # dropped before all was said
            return b""


@pytest.mark.requirement("D11")
def test_all_five_calls_answer_over_the_socket_as_in_process(served):
    ring, path, _ = served
    remote = RemoteKeyring(path)
    (card,) = remote.pseudonyms([sd.issue_row(1)])
    runs = [sd.SealedDevice(ring.keys.root).run([sd.refusal(1), sd.outcome(1)] * 20)]
    opened = remote.unseal(runs)
    assert opened[0].card == card and opened[0].known and opened[1].type == 2
    assert len(opened) == 40 and opened == ring.unsealer.unseal(runs)
    assert remote.recompute([(card, b"", [(4711, 1, bytes(36))])])[0][0] != b""
    assert remote.assemble("devices", {})[0]["edge"] == sd.EDGE
    ack = {"device": 4711, "epoch": 1, "seq": 9, "H": bytes(32), "time": sd.NOW}
    assert len(remote.sign("ack", [ack])[0]) == 64 + 68
    assert remote.assemble("settled", {"batches": [[1, bytes(32)]]}) == [[1, bytes(32)]]
    with pytest.raises(KeyringRefused, match="batch 1 was given out before with another content"):
        remote.assemble("settled", {"batches": [[1, b"\1" * 32]]})
    with pytest.raises(KeyringRefused, match="kind 'nonsense'"):
        remote.assemble("nonsense", {})
    remote.close()


@pytest.mark.requirement("D11")
def test_only_the_owner_may_open_the_socket(served):
    assert stat.S_IMODE(served[1].stat().st_mode) == 0o600
    with pytest.raises(SocketInUse, match="another keyring already answers"):
        Server(served[1], lambda call, arguments: None, print)


@pytest.mark.requirement("D11")
@pytest.mark.parametrize(
    ("pieces", "said_wanted"),
    [
        ([b"\xff\xff\xff\xff"], "frame length 4294967295"),
        ([b"\0\0\0\0"], "frame length 0"),
        ([b"\0\0\0\x03\xff\xff\xff"], "no CBOR"),
        ([b"\0\0\0\x02\x01\x01"], "too many"),
        ([b"\0\0\0\x01\x01"], "request is not"),
        ([b"\0\0\0\x09" + b"\x81" * 9], "no CBOR"),
        ([b"\0\0\0\x01\x01", b"more"], ""),
        ([b"\0\0\x01"], ""),
        ([b"GET / HTTP/1.1\r\n\r\n"], "frame length"),
        ([], ""),
    ],
)
def test_a_client_that_talks_nonsense_is_dropped_and_others_go_on(served, pieces, said_wanted):
    _, path, said = served
    with socket.socket(socket.AF_UNIX) as half:  # says half a frame and stays
        half.connect(str(path))
        half.sendall(b"\0\0\0")
        assert say(path, *pieces) == b""
        assert any(said_wanted in sentence for sentence in said) or not said_wanted
        assert len(RemoteKeyring(path).pseudonyms([sd.uid(1)])) == 1


@pytest.mark.requirement("D11")
@pytest.mark.parametrize(
    ("call", "arguments", "sentence"),
    [
        ("open_sesame", [], "no call is named 'open_sesame'"),
        ("unseal", 5, "unseal: int, wanted a list"),
        ("unseal", [[1, 2]], r"unseal.runs\[0\]: 2 parts"),
        ("unseal", [[-1, 0, 1, b"", []]], r"runs\[0\].device: -1"),
        ("unseal", [[1, 0, 1, "", []]], "H_before: str"),
        ("unseal", [[1, 0, 1, b"", [5]]], "slots: int"),
        ("unseal", [[1, True, 1, b"", []]], "epoch: True"),
        ("pseudonyms", ["abc"], "pseudonyms: str, wanted bytes"),
        ("recompute", [[b"", b""]], "2 parts, wanted 3"),
        ("recompute", [[b"", b"", [[1, 2]]]], "2 parts, wanted .device"),
        ("assemble", ["hotlist"], "wanted .kind, dict."),
        ("assemble", ["hotlist", {"version": 1, "entries": [5]}], "assemble hotlist"),
        ("assemble", ["dock", {"edge": 5, "month": 1, "devices": []}], "assemble dock"),
        (
            "assemble",
            ["overlay", {"version": 1, "base": b"", "entries": [[5, 1, 1]]}],
            "overlay|assemble",
        ),
        ("assemble", ["dock", {"edge": "a", "month": 1, "devices": [1 << 70]}], "too large"),
        ("assemble", ["lease", {"device": {}, "epoch": []}], "assemble"),
        ("assemble", ["settled", {}], "settled.batches: NoneType, wanted a list"),
        ("assemble", ["settled", {"batches": {}}], "settled.batches: dict, wanted a list"),
        ("assemble", ["settled", {"batches": [5]}], r"batches\[0\]: int, wanted a list"),
        ("assemble", ["settled", {"batches": [[1]]}], r"\[0\]: 1 parts, wanted .number, SHA-256"),
        ("assemble", ["settled", {"batches": [[0, bytes(32)]]}], "batch 0, wanted 1 or more"),
        ("assemble", ["settled", {"batches": [[-1, bytes(32)]]}], "-1, wanted a number"),
        ("assemble", ["settled", {"batches": [[True, bytes(32)]]}], "True, wanted a number"),
        ("assemble", ["settled", {"batches": [[1 << 70, bytes(32)]]}], "wanted a number"),
        ("assemble", ["settled", {"batches": [[1, "a" * 32]]}], "str, wanted bytes"),
        ("assemble", ["settled", {"batches": [[1, bytes(31)]]}], "hash of 31 bytes, wanted 32"),
        ("sign", ["settlement", [b"no body"]], "settlement: "),
        ("sign", ["manifest", [[4711, {"authority": []}]]], "manifest|sign"),
        ("sign", ["ack", [{}]], "ack.0..device: None"),
        ("sign", ["manifest", [[4711, 5]]], "int, wanted values by name"),
    ],
)
def test_malformed_questions_are_refused_with_a_sentence(served, call, arguments, sentence):
    remote = RemoteKeyring(served[1])
    with pytest.raises(KeyringRefused, match=sentence):
        remote._ask(call, arguments)
    assert len(remote.pseudonyms([sd.uid(1)])) == 1
    remote.close()


@pytest.mark.requirement("D11")
def test_an_absent_keyring_is_said_after_a_bounded_number_of_tries(tmp_path):
    pauses: list[float] = []
    remote = RemoteKeyring(tmp_path / "nobody.sock", 4, 0.5, pauses.append)
    with pytest.raises(KeyringAbsent, match="tried 4 times"):
        remote.pseudonyms([sd.uid(1)])
    assert pauses == [0.5] * 3


@pytest.mark.requirement("D11")
def test_frames_beyond_the_limit_are_never_sent():
    with pytest.raises(wire.WireError, match="at most"):
        wire.encode_frame(bytes(wire.FRAME_BYTES_MAX))


def start(folder) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*COMMAND, "serve", str(folder)], stdout=subprocess.PIPE, text=True, cwd=os.getcwd()
    )
    assert process.stdout is not None
    assert "ready" in process.stdout.readline()
    return process


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.system
@pytest.mark.requirement("D11", "D20")
def test_a_keyring_killed_in_the_middle_and_started_again_loses_nothing(tmp_path, capsys):
    folder = sd.keyring_folder(tmp_path / "keyring")
    sd.keyring_registered(folder)
    device = sd.SealedDevice(sd.root_key(folder))
    runs = [device.run([sd.refusal(n % 50) for n in range(500)]) for _ in range(12)]
    process = start(folder)
    restarted = []

    def restart(seconds: float) -> None:
        # Called by the client between two tries: what a supervisor does, without waiting for it.
        restarted.append(start(folder))

    remote = RemoteKeyring(folder / "keyring.sock", pause=restart)
    cards = remote.pseudonyms([sd.issue_row(number) for number in range(50)])
    answers = []
    started = time.perf_counter()
    for index, run in enumerate(runs):
        if index == 5:
            process.send_signal(signal.SIGKILL)
            process.wait()
        answers += remote.unseal([run])
    seconds = time.perf_counter() - started
    assert [entry.status for entry in answers] == [0] * 6000
    assert [entry.card for entry in answers] == [cards[n % 50] for n in range(500)] * 12
    assert all(entry.known for entry in answers) and len(restarted) == 1
    with capsys.disabled():
        rate = 6000 / seconds
        print(f"\nkeyring: {rate:,.0f} slots/s over the socket, one restart included")
    restarted[0].terminate()
    assert restarted[0].wait(150) == 0
    assert not (folder / "keyring.sock").exists()


@pytest.mark.system
@pytest.mark.requirement("D10", "D11")
def test_the_command_line_makes_keys_enters_devices_and_refuses_clearly(tmp_path):
    folder = str(tmp_path / "k")
    assert "PILOT ONLY" in run_command("init", folder, "--authority", "244", "--seed", "s").stdout
    again = run_command("init", folder)
    assert again.returncode == 1 and "never overwritten" in again.stderr
    made = run_command("provision", folder, "4711", "--epoch", "1", "--authority", "244")
    assert json.loads(made.stdout)["device"] == 4711
    status = json.loads(run_command("status", folder).stdout)
    assert [len(public) for public in status.pop("publics")] == [64] * 3  # ledger, 0, 244
    assert status == {
        "cards": 0,
        "devices": 1,
        "incarnation": 1,
        "generations": [1],
        "authorities": [0, 244],
        "last_batch": None,
    }
    assert run_command("restored", folder).stdout == "keyring: incarnation 2\n"
    assert run_command("refuse", folder, "4711", "--epoch", "1").returncode == 0
    refused = run_command("refuse", folder, "99")
    assert refused.returncode == 1 and "99 epoch 0 was never provisioned" in refused.stderr
    absent = run_command("status", str(tmp_path / "nowhere"))
    assert absent.returncode == 1 and "keys.json: cannot be read" in absent.stderr


@pytest.mark.requirement("D11")
def test_a_failure_of_the_keyrings_disk_is_that_requests_alone(tmp_path):
    def answer(call: str, arguments: object) -> object:
        raise OSError(28, "No space left on device")

    server = Server(tmp_path / "s.sock", answer, print)
    results = []
    thread = threading.Thread(target=lambda: [server.serve_once(0.5) for _ in range(4)])
    thread.start()
    with pytest.raises(KeyringError, match="No space left") as caught:
        RemoteKeyring(tmp_path / "s.sock").pseudonyms([])
    results.append(caught.value)
    thread.join()
    server.close()
    assert not isinstance(results[0], KeyringAbsent | KeyringRefused)
