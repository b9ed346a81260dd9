"""Any sequence of commands, cuts and power-offs on one card, and what must hold after each.

Bytes choose what happens, so that hypothesis can shrink a failure and a seed can replay one.
"""

from edge_agent.counter.silicon_answers import EVIDENCE, NAMES
from edge_agent.counter.silicon_trials import trials
from simulator.desfire_card import Cut, CutAt, DesfireCard, Mains, PowerLost
from simulator.desfire_card.image import KEY_BYTES, DataFile, RecordFile, ValueFile
from simulator.desfire_card.memory import free_bytes
from simulator.desfire_card.transaction import finished
from simulator.desfire_host import Host, StatusError
from simulator.desfire_trials import AID, KEYS, OTHER_AID, SCENES
from simulator.prng import Prng

# Every frame that a trial sends as it is, and every command in a complete form.
STEPS = [step.strip() for row in trials() for step in row[3].split(";")]
FRAMES = sorted({bytes.fromhex(step) for step in STEPS if not step.startswith("@")})
NATIVE = [frame for frame in FRAMES if frame[0] not in (0x00, 0x90)]
ISO = [frame for frame in FRAMES if frame[0] == 0x00]
COMMIT, CREDIT, DEBIT, LIMITED = 0xC7, 0x0C, 0xDC, 0x1C
VALUE_FILES = (1, 8, 12)
MODES = {1: 0, 8: 3, 12: 0}
IMAGES = {name: make() for name, make in SCENES.items()}
MOSTLY = ["card"] * 10 + sorted(IMAGES)


class Chooser:
    """Numbers out of bytes; `left` tells whether there are any more."""

    def __init__(self, entropy):
        self._entropy, self._at = entropy, 0

    @property
    def left(self):
        return self._at < len(self._entropy)

    def below(self, limit):
        if not self.left:
            return 0
        self._at += 1
        return self._entropy[self._at - 1] % limit

    def of(self, options):
        return options[self.below(len(options))]


def contents(image):
    """Everything a transaction protects: (aid, file) -> value, mirror or records."""
    found = {}
    for aid, app in image.applications.items():
        for number, file in app.files.items():
            found[aid, number] = content_of(file)
    return {place: content for place, content in found.items() if content is not None}


def content_of(file):
    if isinstance(file, ValueFile):
        return file.value
    if isinstance(file, RecordFile):
        return file.records
    return file.data if file.backup else None


def committed(image):
    """What contents() would be after a commit of all that is staged."""
    found = contents(image)
    if image.transaction is not None:
        for number, staged in image.transaction.staged.items():
            found[image.transaction.aid, number] = content_of(finished(staged))
    return found


def assert_legal(image):
    """Fail on any state a real card cannot be in."""
    assert len(image.applications) <= 28 and free_bytes(image) >= 0
    assert len(image.picc_key.value) == KEY_BYTES[image.picc_key.kind]
    fids = [app.iso_fid for app in image.applications.values() if app.iso_fid is not None]
    names = [app.df_name for app in image.applications.values() if app.df_name]
    assert len(fids) == len(set(fids)) and len(names) == len(set(names))
    for app in image.applications.values():
        assert len(app.keys) <= 14 and all(key.kind == app.kind for key in app.keys)
        assert all(len(key.value) == KEY_BYTES[key.kind] for key in app.keys)
        assert len(app.files) <= 32 and all(0 <= number < 32 for number in app.files)
        for file in app.files.values():
            assert_legal_file(file)
    if image.transaction is not None:
        assert image.transaction.aid in image.applications
        for number, staged in image.transaction.staged.items():
            assert number in image.applications[image.transaction.aid].files
            assert_legal_file(finished(staged))


def assert_legal_file(file):
    assert 0 <= file.comm <= 3 and 0 <= file.rights <= 0xFFFF
    if isinstance(file, ValueFile):
        assert file.lower <= file.value <= file.upper and file.limited_credit >= 0
    elif isinstance(file, RecordFile):
        assert all(len(record) == file.record_bytes for record in file.records)
        assert len(file.records) <= file.records_max - (1 if file.cyclic else 0)
    else:
        assert isinstance(file, DataFile) and file.data


class Watched:
    """The card between host and model: every exchange is checked; PowerLost ends in power-on."""

    def __init__(self, card):
        self.card, self.cut, self.again = card, None, None
        self.pending = {}  # value file -> what the running transaction adds to it
        self.noted = None  # the change the next frame is about
        self._continued = ""

    def power_on(self):
        self.card.power_on()

    def power_off(self):
        self.card.power_off()
        self._after_power()

    def _after_power(self):
        self.pending, self._continued = {}, ""
        if self.again is not None:  # the power-up may be cut as well
            self.card.power, self.again = CutAt(self.again), None
            try:
                self.card.power_on()
            except PowerLost:
                self.card.power_off()
            self.card.power = Mains()
        self.card.power_on()

    def exchange(self, frame, cut=None):
        image = self.card.image
        before, whole = contents(image), committed(image)
        is_commit = frame[:1] == b"\xc7" or frame[:2] == b"\x90\xc7"
        cut, self.cut = self.cut, None
        try:
            answer = self.card.exchange(frame, cut)
        except PowerLost:
            self._after_power()
            after = contents(self.card.image)
            allowed = (before, whole) if is_commit else (before,)
            assert any(same(after, one) for one in allowed), "a torn state"
            assert_legal(self.card.image)
            raise
        self._check(frame, answer, before, whole if is_commit else before)
        return answer

    def _check(self, frame, answer, before, whole):
        cell = cell_of(frame, answer, self._continued)
        assert cell in EVIDENCE, f"{cell} of {frame.hex()} is in no table"
        command, status = cell
        assert 1 <= len(answer) <= 61
        goes_on = status == "AF"
        fine = status in ("00", "AF", "9000", "6282")
        after = contents(self.card.image)
        wanted = whole if fine else before
        assert same(after, wanted), f"{frame.hex()} -> {answer.hex()}"
        if command == "C7" and fine:
            for place, delta in self.pending.items():
                assert after[place] - before[place] == delta
        self._continued = command if goes_on else ""
        self._follow(command, fine, frame)
        assert_legal(self.card.image)

    def _follow(self, command, fine, frame):
        """Add up, independently of the card, what its running transaction should come to."""
        noted, self.noted = self.noted, None
        if fine and command in ("0C", "DC", "1C"):
            place, delta = noted or self._said_in_clear(frame)
            self.pending[place] = self.pending.get(place, 0) + delta
        if self.card.image.transaction is None:
            self.pending = {}

    def _said_in_clear(self, frame):
        wrapped = frame[0] == 0x90
        code, body = (frame[1], frame[5:]) if wrapped else (frame[0], frame[1:])
        amount = int.from_bytes(body[1:5], "little")
        return (self.card._state.selected, body[0]), -amount if code == DEBIT else amount


def same(after, wanted):
    """Compare what both have: a file may have been made or deleted."""
    return all(after[place] == wanted[place] for place in after.keys() & wanted.keys())


class World:
    """One card and the host that plays with it."""

    def __init__(self, entropy):
        self.chooser = Chooser(entropy)
        image = IMAGES[self.chooser.of(MOSTLY)].clone()
        self.card = DesfireCard(image, Prng(1).bytes)
        self.watched = Watched(self.card)
        self.host = Host(self.watched)
        self.key_no = None
        self.steps = (
            *(self.any_frame, self.any_frame, self.garbled_frame, self.authenticate),
            *(self.authenticate, self.select, self.change_value, self.write, self.commit),
            *(self.transaction, self.transaction, self.transaction, self.transaction),
            *(self.secured, self.iso, self.iso, self.cut, self.cut, self.power_off, self.wrapped),
        )

    def run(self):
        """Play until the bytes are used up; return the number of steps."""
        count = 0
        while self.chooser.left:
            count += 1
            try:
                self.chooser.of(self.steps)()
            except PowerLost:
                self.forget()
            except StatusError:
                self.key_no = None
        return count

    def forget(self):
        self.host._cipher, self.key_no = None, None

    def raw(self, frame):
        self.forget()  # what the session's chain of MACs was, nobody here knows any more
        return self.host.raw(frame)

    def any_frame(self):
        frame = bytearray(self.chooser.of(NATIVE))
        if len(frame) > 1 and self.chooser.below(3) == 0:
            frame[1 + self.chooser.below(len(frame) - 1)] = self.chooser.below(256)
        if self.chooser.below(8) == 0:
            self.raw(b"\x60")  # chained: what comes next aborts it
        self.raw(bytes(frame))
        if self.chooser.below(4) == 0:
            self.raw(b"\xaf")

    def garbled_frame(self):
        size = self.chooser.below(70)
        self.raw(bytes(self.chooser.below(256) for _ in range(size)))

    def wrapped(self):
        frame = self.chooser.of(NATIVE)
        length = bytes([len(frame) - 1]) if len(frame) > 1 else b""
        self.raw(b"\x90" + frame[:1] + b"\0\0" + length + frame[1:] + b"\0")

    def iso(self):
        if self.chooser.below(2):
            self.raw(b"\x5a" + AID)
            fid = 0x2002 + self.chooser.below(6)
            self.raw(b"\x00\xa4\x00\x0c\x02" + fid.to_bytes(2, "big"))
        self.raw(self.chooser.of(ISO))

    def select(self):
        self.forget()
        self.host.raw(b"\x5a" + self.chooser.of((AID, AID, AID, OTHER_AID, bytes(3))))

    def authenticate(self):
        number = self.chooser.below(3)
        self.forget()
        code, key = self.chooser.of(((0xAA, KEYS[number]), (0xAA, KEYS[number]), (0xAA, bytes(16))))
        self.host.authenticate(number, key, code=code)
        self.key_no = number

    def change_value(self):
        number = self.chooser.of(VALUE_FILES)
        code = self.chooser.of((CREDIT, DEBIT, LIMITED))
        amount = self.chooser.below(200)
        file = self.card.image.applications.get(AID)
        if file is None or self.card._state.selected != AID:
            return
        delta = -amount if code == DEBIT else amount
        self.watched.noted = ((AID, number), delta)
        data = amount.to_bytes(4, "little")
        mode = MODES[number] if self.key_no == 1 else 0
        if self.host._cipher is None:
            self.host.raw(bytes([code, number]) + data)
        else:
            self.host.write(code, bytes([number]), data, mode)

    def commit(self):
        self.host.plain(COMMIT)

    def transaction(self):
        """Select, perhaps authenticate, change some files, perhaps cut, commit."""
        self.forget()
        self.host.select(AID)
        if self.chooser.below(2):
            self.host.authenticate(1, KEYS[1])
            self.key_no = 1
        for _ in range(1 + self.chooser.below(4)):
            self.chooser.of((self.change_value, self.change_value, self.stage))()
        if self.chooser.below(2):
            self.watched.cut = Cut(
                self.chooser.of(("in", "step", "step", "out")), self.chooser.below(5)
            )
            if self.chooser.below(2):
                self.watched.again = Cut("step", self.chooser.below(4))
        self.commit()

    def stage(self):
        """Write to a backup or record file in the session, if there is one."""
        number = self.chooser.of((3, 4, 5))
        place = bytes([number]) + bytes(3) + b"\x04\0\0"
        data = bytes([self.chooser.below(256)]) * 4
        self.host.plain(0x3D if number == 3 else 0x3B, place + data)

    def secured(self):
        """A command on keys or settings, well made or not, on the card's level."""
        self.forget()
        self.host.select(bytes(3))
        self.host.authenticate(0, bytes(16))
        kind, value = self.chooser.below(5), bytes([self.chooser.below(256)])
        if kind == 0:
            self.host.enciphered(0x54, b"", value)
        elif kind == 1:
            self.host.enciphered(0x5C, bytes([self.chooser.below(4)]), value)
        elif kind == 2:
            self.host.change_key(0x80, value * 16, 1)
        elif kind == 3:
            self.host.read(0x51, b"", 7, 3)
        else:
            self.host.plain(self.chooser.of((0xFC, 0x60, 0x6A)))

    def write(self):
        number = self.chooser.of((2, 3, 4, 5, 3, 5))
        size = self.chooser.below(12)
        place = bytes([number]) + bytes(3) + size.to_bytes(3, "little")
        self.raw(bytes([0x3B if number in (4, 5) else 0x3D]) + place + b"w" * size)

    def cut(self):
        phase = self.chooser.of(("in", "step", "out"))
        self.watched.cut = Cut(phase, self.chooser.below(6))
        if self.chooser.below(2):
            self.watched.again = Cut("step", self.chooser.below(4))

    def power_off(self):
        self.forget()
        self.watched.power_off()


def play(entropy):
    """Play one sequence; return the world as it ended."""
    world = World(entropy)
    world.run()
    return world


def cell_of(frame, answer, continued=""):
    """Return the cell an exchange falls into; `continued` names the command an AF goes on with."""
    if frame[:1] == b"\x00":
        known = f"iso {frame[1]:02X}" if len(frame) > 1 else ""
        return (known if known in NAMES else "iso --"), answer[-2:].hex().upper()
    wrapped = frame[:1] == b"\x90"
    if wrapped and len(answer) >= 2 and answer[-2] != 0x91:
        return "iso --", answer[-2:].hex().upper()
    code = frame[1:2] if wrapped else frame[:1]
    command = code.hex().upper() or "--"
    status = f"{answer[-1] if wrapped else answer[0]:02X}"
    if command == "AF" and continued:
        command = continued
    return (command if command in NAMES else "--"), status
