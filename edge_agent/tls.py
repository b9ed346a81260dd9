"""TLS towards the broker: version 1.3, its certificate checked, our own shown.

Files that cannot be used are said before anything starts, not at the first connection.
Source: D17, T12; backend_sync/deploy/README.md makes the certificates.
"""

import ssl
from pathlib import Path

COMMON_NAME = bytes.fromhex("0603550403")  # object identifier 2.5.4.3
NAMES = 2  # the issuer's and the subject's
END = "-----END CERTIFICATE-----"


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


def check_name(certfile: Path, name: str) -> None:
    """Refuse the certificate of another edge: the broker would take what we send and pass on
    nothing, and tell neither us nor its log. Raises: TlsError."""
    found = _common_name(certfile)
    if found and found != name:
        raise TlsError(f"{certfile}: the certificate of {found!r}, but `edge` is {name!r}; put the"
                       " files of edges/NAME here, or the other name into edge.toml")  # fmt: skip


def _common_name(certfile: Path) -> str:
    """Return the subject's common name, "" when there is none to read. Source: RFC 5280, X.690.

    The issuer's name stands before the subject's, and our certificates name nobody behind it.
    """
    try:
        der = ssl.PEM_cert_to_DER_cert(certfile.read_text("ascii").partition(END)[0] + END)
    except (OSError, ValueError):
        return ""  # `client_context` says what is wrong with it
    if der.count(COMMON_NAME) != NAMES:
        return ""
    found = der[der.rfind(COMMON_NAME) + len(COMMON_NAME) :]  # tag of a string, length, name
    return found[2 : 2 + found[1]].decode("utf-8", "replace") if len(found) > 2 else ""


def _none() -> str:
    """Answer the question for a key's password: a service has nobody to type it."""
    return ""
