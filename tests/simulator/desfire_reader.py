"""The DESFire host of the card's own tests: simulator/desfire_host.py."""

from simulator.desfire_card.power import Cut
from simulator.desfire_host import ENCIPHERED, MACED, PLAIN, Host, StatusError

Reader = Host

__all__ = ["Cut", "ENCIPHERED", "MACED", "PLAIN", "Reader", "StatusError"]
