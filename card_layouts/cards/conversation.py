"""How every card conversation is driven: a generator that never touches a reader.

A conversation writes a command into one shared frame, yields the command's length and is sent the
length of the answer, which the driver left in the same frame (status byte first, native framing).
When the card is gone the driver throws CardLost into it. So the same conversation runs on a
PN532, on PC/SC, on the simulator and on a recorded transcript.

Source: house-style.md section 6; desfire.md "Framing" (64 bytes are the largest frame, FSCI 5).
"""

FRAME_BYTES = 64


class CardLost(Exception):
    """The card left the field or the link to it broke.

    `sent` is False only if the reader knows that the last command was never handed to the UART,
    so that the card cannot have heard it ("C7 not sent", decisions.md D7).
    """

    def __init__(self, sent=True):
        super().__init__()
        self.sent = sent


class CardStatusError(Exception):
    """The card answered `command` with `status` other than 00 (both one byte)."""

    def __init__(self, command, status):
        super().__init__("card.command %02X: found status %02X, wanted 00" % (command, status))
        self.command = command
        self.status = status


# Raised instead of a fresh one where nothing may allocate (the commit window, D4).
LOST = CardLost(True)
LOST_UNSENT = CardLost(False)


def forget_traces():
    """Empty the tracebacks of LOST and LOST_UNSENT; the driver of taps does so when it is idle.

    MicroPython makes the traceback of an object longer each time it is raised (168 bytes a lost
    card), for as long as the device runs. Making the object anew in place gives it back.
    """
    CardLost.__init__(LOST, True)
    CardLost.__init__(LOST_UNSENT, False)


def converse(steps, frame, exchange):
    """Run the conversation `steps` to its end and return its result.

    `exchange(frame, length)` sends frame[0:length] and returns the answer's length in the same
    frame; it raises CardLost, which the conversation gets to see.
    """
    try:
        length = next(steps)
        while True:
            lost = None
            try:
                got = exchange(frame, length)
            except CardLost as error:
                lost = error
            length = steps.send(got) if lost is None else steps.throw(lost)
    except StopIteration as done:
        return done.value
