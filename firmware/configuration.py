"""A device's configuration as provisioning printed it: keys, numbers and what it is used for.

One JSON object: what `keyring provision` prints (keys in hexadecimal, pilot only), beside it
"profile" with what the tap needs of the place (terminal, line, ...) and "pins", the drivers who
may sign on. Never logged: errors name the place and what was wanted, never what a key is.
Source: decisions.md D1, D10; trust.md 6.1.
"""

from binascii import unhexlify

from card_layouts.crypto.pin import PIN_ROW_BYTES
from card_layouts.errors import LayoutError
from card_layouts.records.entries_tap import TERMINAL_GATE
from firmware.configuration_text import read_text
from firmware.keys import TICKET, SoftwareKeys

KEY_BYTES, PUBLIC_BYTES, KEY_ID_BYTES = 16, 32, 4
CARD_KEYS = ("K0", "K1", "K2", "K3", "K4")
PICC = "PICC"  # a card's own master: no validator has it
HEX = "0123456789abcdefABCDEF"
NUMBER_MAX = (1 << 30) - 1
DEVICE_OWN = ("device", "authority", "operator", "generation", "key_version")


def read_configuration(path):
    """Return the object in the file `path`. Raises: LayoutError where it is none."""
    with open(path, "rb") as file:
        config = read_text(file.read())
    if not isinstance(config, dict):
        raise LayoutError("configuration: wanted an object of names and values")
    return config


def keys_of(config):
    """Return the Keys port of a configuration. Raises: LayoutError."""
    masters = {}
    for generation, named in _object(config, "card_keys").items():
        place = "card_keys." + generation[:20]
        masters[_decimal(place, generation)] = _masters(place, named)
    chain, ack, cfg, dock = [_key(config, name) for name in ("chain", "ack", "cfg", "dock")]
    wrap = _key(config, "wrap") if config.get("wrap", "") != "" else b""
    made = SoftwareKeys(chain, ack, cfg, dock, _number(config, "aid", 16), masters, wrap)
    for authority, public in _object(config, "signers", {}).items():
        place = "signers." + authority[:20]
        made.signers[_decimal(place, authority)] = _bytes(place, public, PUBLIC_BYTES)
    ticket = _object(config, "ticket", {})
    if ticket:
        made.ticket_seed = _bytes("ticket.seed", ticket.get("seed"), PUBLIC_BYTES)
        made.ticket_public = _bytes("ticket.public", ticket.get("public"), PUBLIC_BYTES)
    made.pins = _bytes("pins", config.get("pins", ""))
    if len(made.pins) % PIN_ROW_BYTES:
        raise LayoutError("configuration.pins: wanted rows of %d bytes" % PIN_ROW_BYTES)
    return made


def publics_of(config):
    """Return {key_id 4 B: public key 32 B} of those who may sign packages. Raises: LayoutError."""
    found = {}
    for name, key in _object(config, "publics").items():
        place = "publics." + name[:20]
        found[_bytes(place, name, KEY_ID_BYTES)] = _bytes(place, key, PUBLIC_BYTES)
    return found


def profile_of(config):
    """Return the profile a tap works with; where the vehicle is comes later, by message.

    Raises: LayoutError.
    """
    generation = _number(config, "generation", 8)
    profile = {
        "device": _number(config, "device", 20),
        "authority": _number(config, "authority", 8),
        "operator": _number(config, "operator", 16),
        "terminal": TERMINAL_GATE,
        "cluster": _number(config, "aid", 16),
        "generation": generation,
        "key_version": generation,
    }
    own = _object(config, "profile", {})
    for name in own:
        if name in DEVICE_OWN:
            raise LayoutError("configuration.profile.%s: is the device's, not the place's" % name)
        # A list is of issuers; everything else that a tap is told of its place is a number.
        profile[name] = _issuers(own) if name == "issuers" else _number(own, name, 30, -NUMBER_MAX)
    return profile


def _masters(place, named):
    if not isinstance(named, dict):
        raise LayoutError("configuration.%s: wanted an object" % place)
    keys: dict[object, bytes] = {}
    for name, key in named.items():
        where = place + "." + name[:20]
        if name in CARD_KEYS:
            keys[int(name[1:])] = _bytes(where, key, KEY_BYTES)
        elif name == TICKET:
            keys[TICKET] = _bytes(where, key, KEY_BYTES)
        elif name != PICC:
            raise LayoutError("configuration.%s: no key of a card has this name" % where)
    return keys


def _issuers(own):
    found = own["issuers"]
    if not isinstance(found, list):
        raise LayoutError("configuration.profile.issuers: wanted a list")
    return tuple([_number({"issuers": one}, "issuers", 8) for one in found])


def _object(tree, name, absent=None):
    found = tree.get(name, absent)
    if not isinstance(found, dict):
        raise LayoutError("configuration.%s: wanted an object" % name)
    return found


def _number(tree, name, bits, least=0):
    found = tree.get(name)
    # MicroPython's bool is no int, CPython's is: a flag of a profile may be either.
    if isinstance(found, bool):
        found = int(found)
    if not isinstance(found, int) or not least <= found < 1 << bits:
        raise LayoutError("configuration.%s: wanted a number of %d bits" % (name, bits))
    return found


def _decimal(place, text):
    """Return the number of 8 bits that a name is."""
    for letter in text:
        if letter not in "0123456789":
            text = ""
            break
    if not 0 < len(text) <= 3 or int(text) > 255:
        raise LayoutError("configuration.%s: wanted a number from 0 to 255 for a name" % place)
    return int(text)


def _key(config, name):
    return _bytes(name, config.get(name), KEY_BYTES)


def _bytes(place, text, size=None):
    """Return what hexadecimal digits say, `size` bytes of it if given."""
    if not isinstance(text, str) or len(text) % 2 or size not in (None, len(text) // 2):
        wanted = "%d bytes" % size if size is not None else "bytes"
        raise LayoutError("configuration.%s: wanted %s in hexadecimal" % (place, wanted))
    for letter in text:
        if letter not in HEX:
            raise LayoutError("configuration.%s: a letter that is no hexadecimal digit" % place)
    return unhexlify(text)
