"""What nfcpy does with an Ultralight C at the reader named by its first argument.

It is the witness for the 3DES authentication: cipher, order of key bytes and vectors are its own.
"""

import sys

import nfc
import patient_nfcpy
from nfc.tag.tt2 import Type2TagCommandError

NEW_KEY = bytes(range(16, 32))


def main(device):
    patient_nfcpy.lengthen()
    print(f"nfcpy {nfc.__version__}")
    reader = nfc.ContactlessFrontend(device)
    tag = fresh(reader)
    print(f"uid: {tag.identifier.hex()} {tag.type}")
    print(f"product: {tag.product}")
    print("wrong key:", tag.authenticate(bytes(16)))
    tag = fresh(reader)
    print("default key:", tag.authenticate(b""))
    tag.write(4, bytes.fromhex("c0ffee01"))
    print("written:", tag.read(4)[:4].hex())
    print("new key:", tag.protect(NEW_KEY, read_protect=True, protect_from=3))
    tag = fresh(reader)
    print("old key:", tag.authenticate(b""))
    tag = fresh(reader)
    try:
        print("without a key:", tag.read(4).hex())
    except Type2TagCommandError:
        print("without a key: refused")
    reader.close()


def fresh(reader):
    """Return the tag, activated anew."""
    return nfc.tag.activate(reader, reader.sense(nfc.clf.RemoteTarget("106A")))


main(*sys.argv[1:])
