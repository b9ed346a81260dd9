"""Replay the recorded DESFire transcripts against the terminal's conversations, on either runtime.

Usage: python|micropython desfire_replay.py desfire_ev1.json. Prints `N passed, N failed`: one for
every frame the terminal must send byte for byte and one for every session key.
"""

import json
import sys
from binascii import hexlify, unhexlify

sys.path.insert(0, ".")

from card_layouts.cards import desfire
from card_layouts.cards.conversation import FRAME_BYTES, converse
from card_layouts.cards.desfire_issuer import IssuerSession


class Transcript:
    """A card that knows only what was recorded."""

    def __init__(self, frames):
        self.frames = [(unhexlify(sent), unhexlify(answer)) for sent, answer in frames]
        self.at = 0
        self.wrong = []

    def exchange(self, frame, length):
        wanted, answer = self.frames[self.at]
        self.at += 1
        if bytes(frame[:length]) != wanted:
            self.wrong.append((self.at, hexlify(bytes(frame[:length])), hexlify(wanted)))
        frame[: len(answer)] = answer
        return len(answer)


def arguments(step):
    return [unhexlify(value) if isinstance(value, str) else value for value in step[1:]]


def replay(transcript):
    """Return what differs, a list; empty when every byte is as recorded."""
    session = IssuerSession(bytearray(FRAME_BYTES))
    card = Transcript(transcript["frames"])
    keys = []
    for step in transcript["steps"]:
        values = arguments(step)
        if step[0] == "open":
            session.open(*values)
            keys.append(values[1])
        elif step[0] == "authenticate_as":
            # Only the two random numbers were recorded: the session starts from them.
            keys.append(desfire.session_key(values[2], values[3]))
            session.open(values[0], keys[-1])
        else:
            if step[0] == "authenticate":
                session.open = recording(session, keys)
            converse(getattr(session, step[0])(*values), session.frame, card.exchange)
    if keys[0] != unhexlify(transcript["session"]):
        card.wrong.append(("session key", hexlify(keys[0])))
    if card.at != len(card.frames):
        card.wrong.append(("frames sent", card.at, len(card.frames)))
    return card.wrong


def recording(session, keys):
    def opened(key_no, session_key):
        keys.append(session_key)
        type(session).open(session, key_no, session_key)

    return opened


def main(path):
    passed = failed = 0
    with open(path) as file:
        vectors = json.load(file)
    for transcript in vectors["transcripts"]:
        wrong = replay(transcript)
        for difference in wrong:
            print(transcript["name"], difference)
        failed += len(wrong)
        passed += len(transcript["frames"]) + 1 - len(wrong)
    print(f"{passed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1]) else 0)
