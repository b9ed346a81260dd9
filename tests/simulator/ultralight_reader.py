"""An Ultralight C and a reader that knows the data sheet, written apart from the terminal code."""

from simulator.desfire_card.ciphers import BlockCipher
from simulator.desfire_card.meter import ExchangeCount
from simulator.prng import Prng
from simulator.ultralight_c import Image, UltralightC, tearing

UID = bytes.fromhex("04112233445566")
ACK, NAK, SILENCE = b"\x0a", b"\x00", b""
FACTORY_KEY = bytes.fromhex("49454D4B41455242214E4143554F5946")


def card(random_bytes=None, torn=tearing.half, at_once=False, **image_values):
    """Return a card in the field; whatever is not a part of the card is a value of its image."""
    image = Image(UID, **image_values)
    made = UltralightC(image, random_bytes or Prng(1).bytes, torn=torn, at_once=at_once)
    made.power_on()
    return made


def again(made):
    """Take the card out of the field and lay it back."""
    made.power_off()
    made.power_on()


def write(made, page, four):
    return made.exchange(bytes([0xA2, page]) + four)


def read(made, page):
    return made.exchange(bytes([0x30, page]))


def prove(made, key=FACTORY_KEY, rnd_a=bytes(range(8))):
    """Return the card's second answer; the cipher is a third one, neither card's nor terminal's."""
    cipher = BlockCipher("2K3DES", key, ExchangeCount())
    challenge = made.exchange(b"\x1a\0")
    assert challenge[0] == 0xAF
    rnd_b = cipher.decrypt(challenge[1:])
    token = cipher.cbc_encrypt(challenge[1:], rnd_a + rnd_b[1:] + rnd_b[:1])
    answer = made.exchange(b"\xaf" + token)
    if len(answer) == 9:
        assert cipher.cbc_decrypt(token[8:], answer[1:]) == rnd_a[1:] + rnd_a[:1]
    return answer
