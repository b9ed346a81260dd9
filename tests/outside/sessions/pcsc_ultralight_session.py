"""What pyscard does with the Ultralight C in the virtual reader; every line printed is checked.

The authentication goes through PC/SC's transparent session, with pyDes for its cipher.
"""

from importlib.metadata import version

from pyDes import CBC, triple_des
from virtual_reader import connected

FACTORY_KEY = b"IEMKAERB!NACUOYF"
RND_A = bytes(range(8))


def say(connection, command):
    data, sw1, sw2 = connection.transmit(list(command))
    return bytes(data), bytes((sw1, sw2)).hex()


def through(connection, frame):
    """Send a frame to the card past the reader's own commands; return the card's answer."""
    inner = bytes((0x95, len(frame))) + frame
    data, status = say(connection, bytes((0xFF, 0xC2, 0, 1, len(inner))) + inner + b"\0")
    assert status == "9000" and data[:5] == bytes.fromhex("c003009000"), data.hex()
    assert data[12] == 0x97 and data[13] == len(data) - 14
    return data[14:]


def main():
    print(f"pyscard {version('pyscard')}")
    card = connected()
    print("atr:", bytes(card.getATR()).hex())
    for name, command in (
        ("uid", "FFCA000000"),
        ("pages 4 to 7", "FFB0000410"),
        ("written", "FFD6000404C0FFEE02"),
        ("page 4", "FFB0000404"),
        ("no such page", "FFB0003010"),
        ("select", "00A4040000"),
    ):
        data, status = say(card, bytes.fromhex(command))
        print(f"{name}: {data.hex()} {status}")
    challenge = through(card, b"\x1a\0")[1:]
    rnd_b = triple_des(FACTORY_KEY, CBC, bytes(8)).decrypt(challenge)
    proof = triple_des(FACTORY_KEY, CBC, challenge).encrypt(RND_A + rnd_b[1:] + rnd_b[:1])
    returned = through(card, b"\xaf" + proof)[1:]
    known = triple_des(FACTORY_KEY, CBC, proof[8:]).decrypt(returned) == RND_A[1:] + RND_A[:1]
    print("authenticated:", known)
    card.disconnect()


main()
