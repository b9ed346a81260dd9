"""Drivers and single tickets at a device: takes orders and scanned codes, a few steps a tick.

Messages, beside those of vehicle_messages.py (numbers are whole, ZONES a mask, 0 = where we are):

    signon DRIVER PIN               -> shift open NUMBER DRIVER (and closed, of who was before)
    signoff PIN [COUNTED]           -> shift closed NUMBER DRIVER
    run                             -> shift run NUMBER DRIVER
    quote PRODUCT ZONES GROUP HEADS [GROUP HEADS ...]           -> price CENTS MINUTES ZONES
    sell ORDER PRODUCT ZONES GROUP HEADS [GROUP HEADS ...]      -> sold ORDER SERIAL CENTS
    reprint ORDER                                               -> sold ORDER SERIAL CENTS
    void ORDER SERIAL               -> voided ORDER SERIAL CENTS
    scan I N PIECE, inspect I N PIECE: piece I of N of a code   -> lamp, answer

What cannot be done is signalled `unsold ORDER WHY` or `unsigned DRIVER WHY`; `unprinted ORDER WHY`
is a ticket that was sold and is not on paper: print it by its order, or void it. COUNTED are the
cents the driver counted, blind. The code that does it is loaded for as long as there is something
to do; a card on the reader always comes first. Source: W-14, W-50 to W-52, W-99, D9, R-22, X-8.
"""

STEPS_PER_TICK = 2
WAITING_MAX = 4
PIECES_MAX = 3
PIECE_CHARS_MAX = 240
ORDERS = ("quote", "sell", "reprint")
SHIFTS = ("signon", "signoff", "run")
VOID = "void"
SCANS = ("scan", "inspect")


class Singles:
    """What is to be done for tickets on paper, in the order it was asked for.

    `tap` is the validator's Tap: its clock, journal, lease, tariff and lists serve here too.
    `certificate()` returns the 106 bytes in force, b"" without one; `prepare()` is called before
    each piece of work: what is in force may have changed.
    """

    def __init__(self, tap, flash, printer, certificate, prepare):
        self.tap = tap
        self.flash = flash
        self.printer = printer
        self.certificate = certificate
        self.after = None  # what a job left to be done: a word, then its arguments
        self._prepare = prepare
        self.known = []  # hashes of certificates that were right
        self._waiting = []
        self._pieces = []
        self._job = None
        self._doing = ""
        self.wrong_pins = 0
        self.locked_until = -1  # ticks_ms before which no PIN is looked at; -1 = not locked
        self.take_up()

    def take_up(self):
        """Let the profile say who is signed on and in which shift; a power cut changed neither."""
        values = self.tap.journal.counters.values
        self.tap.profile["clerk"] = values["driver"]
        self.tap.profile["shift"] = values["shift"] if values["driver"] else 0

    @property
    def busy(self):
        """Whether there is something to do: tick soon."""
        return self.working or self.after is not None or len(self._waiting) > 0

    @property
    def working(self):
        """Whether something was begun, and its code is loaded."""
        return self._job is not None

    def take(self, text):
        """Take a message; return False if it is none for us, or more than can wait."""
        word = text.split(" ")[0]
        if word in SCANS:
            return self._take_piece(word, text)
        return (word in ORDERS or word in SHIFTS or word == VOID) and self._wait(text)

    def tick(self):
        """Do a few steps. Return the answer to a scan that was finished, else 0."""
        if self._job is None and self.after is not None:
            after = self.after
            self.after = None
            self._job = self._go_on(*after)
        elif self._job is None:
            if not self._waiting:
                return 0
            self._prepare()
            self._doing = self._waiting.pop(0)
            self._job = self._begin(self._doing)
        try:
            for _ in range(STEPS_PER_TICK):
                next(self._job)
        except StopIteration as end:
            self._job = None
            return end.value
        return 0

    def pause(self):
        """Give back the heap of what was begun; it begins anew: nothing is done twice by that."""
        if self.working or self.after is not None:
            self._job = self.after = None
            self._waiting.insert(0, self._doing)

    def _begin(self, text):
        word, rest = text.split(" ", 1) if " " in text else (text, "")
        if word in SCANS:
            from firmware.single_check import check_steps

            return check_steps(self, rest, word == "inspect")
        if word in SHIFTS:
            from firmware.shifts import shift_steps

            return shift_steps(self, word, rest)
        if word == VOID:
            from firmware.single_void import void_steps

            return void_steps(self, rest)
        if word == "reprint" and rest.isdigit():
            return self._go_on("print", int(rest), True)
        from firmware.single_sale import order_steps

        return order_steps(self, word, rest)

    def _go_on(self, word, *arguments):
        """Begin the second half: its code takes the place of the first half's on the heap."""
        if word == "use":
            from firmware.single_use import use_steps

            return use_steps(self, *arguments)
        from firmware.single_print import print_steps

        return print_steps(self, *arguments)

    def _take_piece(self, word, text):
        """Put the pieces of a code together; whatever is out of order begins anew or is lost."""
        parts = text.split(" ", 3)
        if len(parts) < 4 or not parts[1].isdigit() or not parts[2].isdigit():
            return False
        number, count = int(parts[1]), int(parts[2])
        if not 1 <= number <= count <= PIECES_MAX or len(parts[3]) > PIECE_CHARS_MAX:
            return False
        if number == 1:
            self._pieces = []
        if len(self._pieces) != number - 1:
            self._pieces = []
            return False
        self._pieces.append(parts[3])
        if number < count:
            return True
        code = "".join(self._pieces)
        self._pieces = []
        return self._wait(word + " " + code)

    def _wait(self, text):
        if len(self._waiting) >= WAITING_MAX:
            return False
        self._waiting.append(text)
        return True
