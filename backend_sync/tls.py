"""TLS towards the broker: version 1.3, its certificate checked, our own shown.

Files that cannot be used are said before anything starts, not at the first connection.
Source: D17, T12; deploy/README.md makes the certificates.
"""

import ssl
from pathlib import Path


class TlsError(Exception):
    """A certificate or key cannot be used; the message says which file and what to do."""


def client_context(cafile: Path, certfile: Path, keyfile: Path) -> ssl.SSLContext:
    """Return what a client speaks TLS with. Raises: TlsError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks the certificate and the host's name
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    for path in (cafile, certfile, keyfile):
        try:
            path.read_bytes()
        except OSError as error:
            raise TlsError(f"{path}: {error.strerror}") from None
    try:
        context.load_verify_locations(cafile)
    except ssl.SSLError:
        raise TlsError(f"{cafile}: no certificate of an authority in PEM form") from None
    try:
        context.load_cert_chain(certfile, keyfile, password=_none)
    except ssl.SSLError:
        raise TlsError(f"{certfile}, {keyfile}: no certificate with its own key, in PEM form and"
                       " without password") from None  # fmt: skip
    return context


def _none() -> str:
    """Answer the question for a key's password: a service has nobody to type it."""
    return ""
