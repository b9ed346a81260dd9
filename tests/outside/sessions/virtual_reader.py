"""The card in the first PC/SC reader, powered anew."""

import threading
import time

from smartcard.CardRequest import CardRequest
from smartcard.Exceptions import CardConnectionException, NoCardException
from smartcard.scard import SCARD_UNPOWER_CARD
from smartcard.System import readers

PATIENCE_S = 150


def connected():
    """Return a connection that takes power from the card when it ends."""
    waiting = threading.Event()
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        CardRequest(timeout=PATIENCE_S).waitforcard()
        connection = readers()[0].createConnection().component
        try:
            connection.connect(disposition=SCARD_UNPOWER_CARD)
            return connection
        except (CardConnectionException, NoCardException):
            waiting.wait(0.1)  # pcscd has not seen yet that one card went and another one came
    raise SystemExit("pcscd never gave us the card")
