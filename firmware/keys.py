"""The Keys port in software: labelled device keys and, pilot only, a scheme's masters.

A board with a secure element implements the same three lines there (D10). Never logged.
"""

from card_layouts.cards.card_layout import aid_bytes
from card_layouts.cards.tourist_ticket import ticket_keys
from card_layouts.crypto.an10922 import card_key
from card_layouts.errors import RangeError

TICKET = "TICKET"  # what a configuration calls the tickets' master


class SoftwareKeys:
    """Keys of one device.

    Shape: `masters` is {generation: {key_no or TICKET: 16 B}}; a key version is its generation.
    """

    def __init__(self, chain, ack, cfg, dock, cluster, masters, wrap=b""):
        self.chain = chain
        self.ack = ack
        self.cfg = cfg
        self.dock = dock
        self.wrap = wrap  # empty: provisioned without, no action list can be opened
        self.ticket_seed = self.ticket_public = b""
        self.signers = {}
        self.pins = b""  # a row of pin.py for each driver who may sign on
        self._cluster = cluster
        self._masters = masters

    def card_key(self, key_no, version, uid):
        """Return the 16-byte key of a card. Raises: RangeError if this device has no such key."""
        master = self._master(key_no, version)
        return card_key(master, uid, aid_bytes(self._cluster, version), key_no, version)

    def ticket_keys(self, version, uid):
        """Return both keys of a tourist ticket. Raises: RangeError as above."""
        return ticket_keys(self._master(TICKET, version), uid)

    def _master(self, name, version):
        master = self._masters.get(version, {}).get(name)
        if master is None:
            raise RangeError(f"keys: no master {name} of generation {version}")
        return master
