"""A device's configuration as provisioning printed it: keys, numbers and what it is used for.

One JSON object: what `keyring provision` prints (keys in hexadecimal, pilot only), beside it
"profile" with what the tap needs of the place (terminal, line, ...). Never logged.
Source: decisions.md D1, D10; trust.md 6.1.
"""

import json
from binascii import unhexlify

from card_layouts.records.entries_tap import TERMINAL_GATE
from firmware.keys import TICKET, SoftwareKeys


def read_configuration(path):
    """Return the object in the file `path`."""
    with open(path) as file:
        return json.load(file)


def keys_of(config):
    """Return the Keys port of a configuration."""
    masters = {}
    for generation, named in config["card_keys"].items():
        keys: dict[object, bytes] = {}
        for name, key in named.items():
            if name[0] == "K":  # not PICC: no validator has it
                keys[int(name[1:])] = unhexlify(key)
            elif name == TICKET:
                keys[TICKET] = unhexlify(key)
        masters[int(generation)] = keys
    chain, ack, cfg, dock = [unhexlify(config[name]) for name in ("chain", "ack", "cfg", "dock")]
    wrap = unhexlify(config.get("wrap", ""))
    made = SoftwareKeys(chain, ack, cfg, dock, config["aid"], masters, wrap)
    for authority, public in config.get("signers", {}).items():
        made.signers[int(authority)] = unhexlify(public)
    made.pins = unhexlify(config.get("pins", ""))
    ticket = config.get("ticket")
    if ticket:
        made.ticket_seed = unhexlify(ticket["seed"])
        made.ticket_public = unhexlify(ticket["public"])
    return made


def publics_of(config):
    """Return {key_id 4 B: public key 32 B} of those who may sign packages."""
    return {unhexlify(name): unhexlify(key) for name, key in config["publics"].items()}


def profile_of(config):
    """Return the profile a tap works with; where the vehicle is comes later, by message."""
    profile = {
        "device": config["device"],
        "authority": config["authority"],
        "operator": config["operator"],
        "terminal": TERMINAL_GATE,
        "cluster": config["aid"],
        "generation": config["generation"],
        "key_version": config["generation"],
    }
    profile.update(config.get("profile", {}))
    if "issuers" in profile:
        profile["issuers"] = tuple(profile["issuers"])
    return profile
