"""Check codes of single tickets from singles.json under whichever runtime this is.

Written in the shared dialect; run by run_vectors.py.
"""

from card_layouts.codec import base45
from card_layouts.crypto.ed25519 import public_steps, sign_steps
from card_layouts.errors import LayoutError, SealError
from card_layouts.tickets import check, single

unhex = bytes.fromhex


def replay(data, tally):
    """Run every case of the file."""
    for clear, text in data["base45"]:
        tally.equal("base45.encode", base45.encode(unhex(clear)), text)
        tally.equal("base45.decode", base45.decode(text), clear)
    for text in data["base45_refused"]:
        tally.refused("base45 " + text, LayoutError, base45.decode, text)
    seed, authority = unhex(data["seed"]), unhex(data["authority"])
    public = ended(public_steps(seed))
    tally.equal("public key", public, data["public"])
    for text, values in data["good"]:
        code = single.Code(text)
        for name in values:
            tally.equal("SINGLE." + name, code.ticket[name], values[name])
        tally.equal("SINGLE again", single.pack_single(values), code.body.hex())
        message = single.single_message(code.body)
        tally.equal("signature", ended(sign_steps(seed, public, message)), code.data[30:94].hex())
        certified = code.data[94:]
        tally.equal("code", single.encode_code(code.body, code.data[30:94], certified), text)
        known = []
        ended(check.genuine_steps(code.data, authority, known))
        ended(check.genuine_steps(code.data, bytes(32), known))  # its certificate is known by now
        tally.equal("certificates known", len(known), 1)
        tally.equal("in time", check.out_of_days(code), 0)
    for name, text in data["unreadable"]:
        tally.refused(name, LayoutError, single.Code, text)
    for name, text in data["forged"]:
        steps = check.genuine_steps(single.Code(text).data, authority, [])
        tally.refused(name, SealError, ended, steps)
    for text in data["out_of_days"]:
        code = single.Code(text)
        ended(check.genuine_steps(code.data, authority, []))
        tally.equal("out of days", check.out_of_days(code), check.CODE_FORGED)


def ended(steps):
    """Return the result of a generator that is run to its end."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
