"""Make ultralight_c.json: known answers of DES, and conversations recorded with the card model.

The known answers are the substitution-table test of NIST SP 800-17 (once NBS 500-20), the DES of a
key whose halves are equal; two-key blocks come from the `cryptography` package. The authentication
is the data sheet's own, the rest was said by the card model, which shares no line with the
terminal. Run: `python tests/vectors/make_ultralight.py`; a test compares the file with this.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.modes import CBC

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from card_layouts.cards.conversation import converse  # noqa: E402
from card_layouts.cards.ultralight_c import Session  # noqa: E402
from simulator.field import Field  # noqa: E402
from simulator.prng import Prng  # noqa: E402
from simulator.reader import DirectReader  # noqa: E402
from simulator.ultralight_c import UltralightC  # noqa: E402
from tests.vectors import ultralight_replay  # noqa: E402

SUBSTITUTION_TABLE = """
7CA110454A1A6E57 01A1D6D039776742 690F5B0D9A26939B
0131D9619DC1376E 5CD54CA83DEF57DA 7A389D10354BD271
07A1133E4A0B2686 0248D43806F67172 868EBB51CAB4599A
3849674C2602319E 51454B582DDF440A 7178876E01F19B2A
04B915BA43FEB5B6 42FD443059577FA2 AF37FB421F8C4095
0113B970FD34F2CE 059B5E0851CF143A 86A560F10EC6D85B
0170F175468FB5E6 0756D8E0774761D2 0CD3DA020021DC09
43297FAD38E373FE 762514B829BF486A EA676B2CB7DB2B7A
07A7137045DA2A16 3BDD119049372802 DFD64A815CAF1A0F
04689104C2FD3B2F 26955F6835AF609A 5C513C9C4886C088
37D06BB516CB7546 164D5E404F275232 0A2AEEAE3FF4AB77
1F08260D1AC2465E 6B056E18759F5CCA EF1BF03E5DFA575A
584023641ABA6176 004BD6EF09176062 88BF0DB6D70DEE56
025816164629B007 480D39006EE762F2 A1F9915541020B56
49793EBC79B3258F 437540C8698F3CFA 6FBF1CAFCFFD0556
4FB05E1515AB73A7 072D43A077075292 2F22E49BAB7CA1AC
49E95D6D4CA229BF 02FE55778117F12A 5A6B612CC26CCE4A
018310DC409B26D6 1D9D5C5018F728C2 5F4C038ED12B2E41
1C587F1C13924FEF 305532286D6F295A 63FAC0D034D9F793
0101010101010101 8000000000000000 95F8A5E5DD31D900
1046913489980131 0000000000000000 88D55E54F54C97B4
"""
ZERO = "0" * 16
# MF0ICU2 data sheet rev 3.3, section 7.5.6.
DATA_SHEET = [
    ["1a00", "af577293fd2f34ca51"],
    ["af0a638559fc7737f9f15d7862ebbe967a", "003b884fa07c137ce1"],
]


def make_triple_des() -> list[list[str]]:
    """Return rows of key 16 B, vector 8 B, clear text, cipher text."""
    rows = []
    for line in SUBSTITUTION_TABLE.strip().lower().splitlines():
        key, clear, cipher = line.split()
        rows.append([key * 2, ZERO, clear, cipher])
    for number in range(12):
        stream = hashlib.shake_128(b"2K3DES %d" % number).digest(16 + 8 + 32)
        key, iv, clear = stream[:16], stream[16:24], stream[24 : 32 + 8 * (number % 4)]
        encryptor = Cipher(TripleDES(key + key[:8]), CBC(iv)).encryptor()
        rows.append([key.hex(), iv.hex(), clear.hex(), encryptor.update(clear).hex()])
    return rows


def make_conversations() -> list[list]:
    """Return rows of conversation, argument, frames [sent, answer], result."""
    rows: list[list] = [["authenticate", "a8af3b256c75ed40", DATA_SHEET, "True"]]
    issuer = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    header = ultralight_replay.recipe(None).header
    signature = issuer.sign(ultralight_replay.UID + header)
    for signed in (b"", signature):
        card = UltralightC.blank(ultralight_replay.UID, Prng(7).bytes)
        names = ["sale_state", "load", "sale_state", "close", "sale_state", "tap", "check", "tap"]
        names += ["inspect", "refused"] if signed else ["refused"]
        rows += [_recorded(card, name, signed) for name in names]
    # A reader that keeps the ACK to itself (PN532 InDataExchange) answers with nothing.
    tap = next(row for row in rows if row[0] == "tap")
    quiet = [[sent, answer if answer != "0a" else ""] for sent, answer in tap[2]]
    return [*rows, [*tap[:2], quiet, tap[3]]]


def _recorded(card: UltralightC, name: str, signature: bytes) -> list:
    field = Field()
    field.place(card)
    reader = DirectReader(field)
    reader.poll()
    session, frames = Session(bytearray(64)), []

    def exchange(frame: bytearray, length: int) -> int:
        sent = bytes(frame[:length])
        got = reader.exchange(frame, length)
        frames.append([sent.hex(), bytes(frame[:got]).hex()])
        return got

    steps = ultralight_replay.CONVERSATIONS[name](session, signature)
    found = converse(steps, session.frame, exchange)
    reader.release()
    return [name, signature.hex(), frames, ultralight_replay.as_text(found)]


def make() -> str:
    """Return the text of ultralight_c.json, one case a line."""
    parts = []
    for key, rows in (("tdes", make_triple_des()), ("conversations", make_conversations())):
        lines = ",\n  ".join(json.dumps(row) for row in rows)
        parts.append(f'"{key}": [\n  {lines}\n ]')
    return "{\n " + ",\n ".join(parts) + "\n}\n"


if __name__ == "__main__":
    (HERE / "ultralight_c.json").write_text(make())
