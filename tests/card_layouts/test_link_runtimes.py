"""A handshake, a session and a batch give the same bytes on MicroPython and CPython."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from binascii import hexlify
from card_layouts.crypto.kdf import dock_key
from card_layouts.link import batches, dock, frames, messages

calls = [0]

def numbers(count):
    calls[0] += 1
    return bytes([calls[0]]) * count

def show(name, data):
    print(name, str(hexlify(data), "ascii"))

def key_of(device, month):
    return dock_key(b"k" * 16, b"depot-1", month)

board = dock.DockBoard(7, 1, key_of, numbers)
edge = dock.DockEdge("depot-1", key_of, numbers)
hello = board.hello()
challenge = edge.challenge(hello, 80)
proof = board.prove(challenge, {"head_seq": 5, "cash_cents": 100, "H": b"h" * 32})
for name, body in (("hello", hello), ("challenge", challenge), ("proof", proof)):
    show(name, frames.encode_frame(1, body))
print(sorted(edge.finish(proof).items()))
pull = edge.session.seal(messages.PULL, messages.PULL_BODY.pack({"from_seq": 1, "count": 7}))
show("pull", pull)
show("pulled", board.session.open_seal(messages.PULL, pull))
slots = messages.encode_slots(1, 5, b"h" * 32, bytes(range(128)) * 5)
show("slots", frames.encode_frame(messages.SLOTS, board.session.seal(messages.SLOTS, slots)))
for wrong in (pull, pull[:-1] + b"?", b"short"):
    try:
        board.session.open_seal(messages.PULL, wrong)
    except ValueError as error:
        print(type(error).__name__, error)
batch = batches.encode_batch("depot-1", [(7, 1, 1, b"h" * 32, [b"s" * 128, b"t" * 128])])
show("batch", batch)
for length in (0, 1, 12, 100, len(batch) - 1):
    try:
        batches.decode_batch(batch[:length])
    except ValueError as error:
        print(type(error).__name__, error)
print(batches.decode_batch(batch)[0])
"""


@pytest.mark.requirement("D12", "D17", "W-131")
def test_both_runtimes_say_the_same_on_the_link(tmp_path):
    (tmp_path / "link.py").write_text(SCRIPT)
    micropython = str(pathlib.Path(sys.executable).with_name("micropython"))
    printed = [
        subprocess.run(
            [runtime, str(tmp_path / "link.py"), str(ROOT)],
            capture_output=True,
            check=True,
            text=True,
            timeout=150,
        ).stdout
        for runtime in (sys.executable, micropython)
    ]
    assert printed[0] == printed[1]
    assert "FrameReplayed PULL: counter 1, wanted more than 1" in printed[0]
    assert printed[0].count("\n") == 17
