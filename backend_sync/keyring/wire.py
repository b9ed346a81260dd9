"""What travels between the ledger and the keyring's process: length u32 | CBOR.

A request is [call, arguments], an answer [0, result], [1, sentence] (refused) or [2, sentence]
(the keyring failed). Both sides check sizes before they read. It must not know what the calls do.
"""

import io
from typing import Any

import cbor2

LENGTH_BYTES = 4
FRAME_BYTES_MAX = 16 * 1024 * 1024  # a group of 5,000 entries is 0.7 MB
DEPTH_MAX = 8

ANSWERED = 0
REFUSED = 1
FAILED = 2


class WireError(Exception):
    """The other side sent what is no frame; the message says what was found and wanted."""


def encode_frame(body: Any) -> bytes:
    """Return length | CBOR."""
    data: bytes = cbor2.dumps(body)
    if len(data) > FRAME_BYTES_MAX:
        raise WireError(f"frame of {len(data)} bytes, at most {FRAME_BYTES_MAX} allowed")
    return len(data).to_bytes(LENGTH_BYTES, "big") + data


def frame_size(start: bytes | bytearray) -> int | None:
    """Return the size of the whole frame that begins with `start`; None while it is unknown.

    Raises: WireError for a length nobody may send.
    """
    if len(start) < LENGTH_BYTES:
        return None
    size = int.from_bytes(start[:LENGTH_BYTES], "big")
    if not 1 <= size <= FRAME_BYTES_MAX:
        raise WireError(f"frame length {size}, wanted 1..{FRAME_BYTES_MAX}")
    return LENGTH_BYTES + size


def decode_frame(frame: bytes) -> Any:
    """Return the body of one whole frame.

    Raises: WireError when it is not exactly one CBOR value of plain shape.
    """
    source = io.BytesIO(frame[LENGTH_BYTES:])
    try:
        body = cbor2.CBORDecoder(source, max_depth=DEPTH_MAX, allow_indefinite=False).decode()
    except (cbor2.CBORDecodeError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise WireError(f"frame is no CBOR: {error}") from None
    if source.tell() != len(frame) - LENGTH_BYTES:
        raise WireError(f"frame has {len(frame) - LENGTH_BYTES - source.tell()} bytes too many")
    return body
