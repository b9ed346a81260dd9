"""Open a card reader by its name on the command line, or find the one that is there.

Serial ports are never tried unasked: a validator's dock is one, too, and would get a stranger's
bytes. The packages behind readers are optional extras, imported when one is asked for.
"""

import importlib
from types import ModuleType

from edge_agent.ports import CardReader, ReaderError

# extra of pyproject.toml -> the module that shows it is there, what to install
EXTRAS = {"pcsc": ("smartcard", "pyscard~=2.3.1"), "nfcpy": ("nfc", "nfcpy~=1.0.4")}


def open_reader(name: str) -> CardReader:
    """Return the reader `name`: "pcsc[:TEXT]", "nfcpy:PORT", "nfcpy:usb", or "" for any.

    Raises: ReaderError naming what is missing and how to get it.
    """
    kind, _, place = name.partition(":")
    if kind == "pcsc":
        return _open_pcsc(place)
    if kind == "nfcpy" and place:
        return _open_nfcpy(place)
    if name:
        raise ReaderError(f"reader {name!r}: wanted pcsc, pcsc:TEXT, nfcpy:PORT or nfcpy:usb")
    return _find()


def _find() -> CardReader:
    tried = []
    for kind, place in (("pcsc", ""), ("nfcpy", "usb")):
        try:
            return _open_pcsc(place) if kind == "pcsc" else _open_nfcpy(place)
        except ReaderError as error:
            tried.append(f"  {error}")
    words = "\n".join(tried)
    raise ReaderError(
        f"no card reader found:\n{words}\n  serial ports are not tried unasked: --reader nfcpy:PORT"
    )


def _open_pcsc(text: str) -> CardReader:
    scard = _module("pcsc", "smartcard.scard")
    from edge_agent.drivers.pcsc_reader import PcscReader

    return PcscReader(scard, text)


def _open_nfcpy(place: str) -> CardReader:
    _module("nfcpy", "nfc.clf")
    from edge_agent.drivers.nfcpy_reader import NfcpyReader

    return NfcpyReader(place)


def _module(extra: str, name: str) -> ModuleType:
    """Return the module `name` of an extra. Raises: ReaderError with the command to get it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        module, package = EXTRAS[extra]
        if error.name not in (module, None):
            raise ReaderError(f"{extra}: {module} does not work here ({error})") from None
        raise ReaderError(
            f"{extra}: the extra [{extra}] is not installed; get it with\n"
            f"    .tools/bin/uv pip install --python .venv/bin/python '{package}'"
        ) from None
