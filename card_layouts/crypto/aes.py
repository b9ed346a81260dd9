"""AES-128 with the signature of MicroPython's `cryptolib.aes`, whichever runtime this is.

`aes(key, mode, iv=None)`, mode ECB or CBC; `.encrypt(src, dst=None)` and `.decrypt(src, dst=None)`
work on whole 16-byte blocks, `dst` may be `src`. A CBC object keeps its chaining value between
calls. An object works in one direction only: the first call decides.
"""

import sys

ECB = 1
CBC = 2

if sys.implementation.name == "micropython":
    from cryptolib import aes
else:
    from card_layouts.crypto.aes_cpython import aes

__all__ = ("CBC", "ECB", "aes")
