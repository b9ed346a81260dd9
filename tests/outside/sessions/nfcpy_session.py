"""What nfcpy does with the reader named by its first argument; every line printed is checked."""

import sys

import nfc
import nfc.tag.tt4
import patient_nfcpy


def main(device):
    patient_nfcpy.lengthen()
    print(f"nfcpy {nfc.__version__}")
    reader = nfc.ContactlessFrontend(device)
    target = reader.sense(nfc.clf.RemoteTarget("106A"))
    tag = nfc.tag.activate(reader, target)
    print(f"uid: {target.sdd_res.hex()} {tag.type}")
    print("ndef:", tag.ndef.octets.hex() if tag.ndef else None)
    print("select:", tag.transceive(bytes.fromhex("5A10480F")).hex())
    for number in range(20):
        credit = tag.transceive(bytes.fromhex("0C0101000000"))
        committed = tag.transceive(bytes.fromhex("C7"))
        assert credit + committed == b"\0\0", (number, credit, committed)
    print("value:", tag.transceive(bytes.fromhex("6C01")).hex())
    long = bytes(range(50)) * 3
    at = 0
    while at < len(long):
        part = long[at : at + 52]
        place = bytes([2]) + at.to_bytes(3, "little") + len(part).to_bytes(3, "little")
        assert tag.transceive(b"\x3d" + place + part) == b"\0"
        at += len(part)
    print("too long:", tag.transceive(b"\x3d" + bytes(70)).hex())  # two blocks, one refusal
    print("present:", tag.is_present)
    print("small frames:", with_small_frames(reader).hex())
    reader.close()


def with_small_frames(reader):
    """Activate the card anew as a reader of 16-byte frames; read what then comes in a chain."""
    for _attempt in range(8):  # in noise nfcpy repeats blocks, and no RATS
        try:
            reader.sense(nfc.clf.RemoteTarget("106A"))
            ats = reader.exchange(bytes.fromhex("E000"), 0.03)
        except nfc.clf.CommunicationError:
            continue
        waiting_s = 4096 / 13.56e6 * 2 ** (ats[3] >> 4)
        blocks = nfc.tag.tt4.IsoDepInitiator(reader, 64, waiting_s)
        blocks.exchange(bytes.fromhex("5A10480F"))
        return blocks.exchange(bytes.fromhex("BD02000000320000"))
    raise AssertionError("never activated")


main(*sys.argv[1:])
