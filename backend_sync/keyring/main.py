"""`python -m backend_sync keyring init|serve|provision|certificate ...`: for its operator.

Keys never leave through here but for `provision`, whose answer goes onto one device. Where the
folder is bound to a register of users, each use of a key takes two of them. Source: D11, X-14.
"""

import argparse
import json
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from types import FrameType

from backend_sync.clocks import SystemClock
from backend_sync.keyring import pin_commands
from backend_sync.keyring.calls import Calls
from backend_sync.keyring.key_use import KeyUses
from backend_sync.keyring.keyfile import NOTICE, KeyFileError, make_keys, with_masters, write_keys
from backend_sync.keyring.local import KEY_FILE, REGISTER_FILE, LocalKeyring
from backend_sync.keyring.provision import MASTERS_OF, as_text, device_config
from backend_sync.keyring.register import Register
from backend_sync.keyring.server import Server, SocketInUse
from backend_sync.ports import ApprovalRefused, KeyringRefused
from backend_sync.registers import asking
from backend_sync.registers.refusals import Refused
from backend_sync.storage.disk import RESTORE_KEYRING, in_words

SOCKET_FILE = "keyring.sock"
WAIT_SECONDS = 0.5
FIRST_DAY = date(2020, 1, 1)


def main(arguments: Sequence[str]) -> int:
    """Run one command; return the exit code, 0 when it was done."""
    options = _parser().parse_args(arguments)
    options.clock = SystemClock()
    os.umask(0o077)
    try:
        code: int = options.run(options)
        return code
    except (KeyFileError, KeyringRefused, SocketInUse, Refused, ApprovalRefused) as error:
        print(f"keyring: {error}", file=sys.stderr)
    except OSError as error:
        hint = "choose a folder that exists and may be written, and make room"
        print(f"keyring: {error.filename or ''}: {error.strerror}; {hint}", file=sys.stderr)
    except sqlite3.DatabaseError as error:
        words = in_words(error, RESTORE_KEYRING) or error
        print(f"keyring: {options.folder / REGISTER_FILE}: {words}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tornello keyring", description=NOTICE)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    init = _command(commands, "init", _init, "make the key file and an empty register")
    init.add_argument("--authority", type=asking.number, action="append", default=[], metavar="N")
    init.add_argument("--aid", type=int, default=0, help="16 function bits of the application id")
    init.add_argument(
        "--masters", type=Path, metavar="FILE", help="of `tornello card ceremony join`; else drawn"
    )
    init.add_argument("--seed", default="", help="the same keys each time: demos and tests only")

    serve = _command(commands, "serve", _serve, "answer on a unix socket until SIGTERM")
    serve.add_argument("--socket", type=Path, help=f"default FOLDER/{SOCKET_FILE}")
    words = "a group whose members may ask too (the keyring's own user alone)"
    serve.add_argument("--group", metavar="NAME", help=words)

    provision = _command(commands, "provision", _provision, "enter a device, print its keys")
    provision.add_argument("device", type=asking.number)
    provision.add_argument("--epoch", type=asking.number, default=0)
    provision.add_argument("--authority", type=asking.number, default=0)
    provision.add_argument("--operator", type=asking.number, default=0)
    provision.add_argument("--edge", default="")
    provision.add_argument("--kind", choices=sorted(MASTERS_OF), default="validator")
    provision.add_argument("--first-seq", type=asking.number, default=1)
    asking.add_options(provision, proposal=True)

    certificate = _command(
        commands, "certificate", _certificate, "let a counter sell single tickets for 30 days"
    )
    certificate.add_argument("device", type=asking.number)
    certificate.add_argument("--epoch", type=asking.number, default=0)
    certificate.add_argument("--from", dest="first", metavar="YYYY-MM-DD", help="default today")
    asking.add_options(certificate, proposal=True)

    _command(commands, "status", _status, "count cards and devices; the last batch given out")
    words = "the ledger was restored or begun anew: all sends again"
    restored = _command(commands, "restored", _restored, words)
    asking.add_options(restored, proposal=True)
    words = "sign other batches of numbers that were given out: for when nobody has those any more"
    forget = _command(commands, "forget-batches", _forget_batches, words)
    forget.add_argument("--from", dest="first", type=asking.number, required=True, metavar="N",
                        help="the first to forget; all after it are forgotten too")  # fmt: skip
    asking.add_options(forget, proposal=True)
    _command(commands, "uses", _uses, "who used keys by hand, and who agreed, as JSON lines")
    refuse = _command(commands, "refuse", _refuse, "sign nothing more for a device")
    refuse.add_argument("device", type=asking.number)
    refuse.add_argument("--epoch", type=asking.number, default=0)
    asking.add_options(refuse)
    pin_commands.add_commands(commands)
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Callable[[argparse.Namespace], int],
    sentence: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=sentence, description=sentence)
    command.add_argument("folder", type=Path, help="where keys.json and keyring.db lie")
    command.set_defaults(run=run)
    return command


def _init(options: argparse.Namespace) -> int:
    options.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    keys = make_keys(options.authority, aid=options.aid, seed=options.seed)
    if options.masters is not None:
        keys = with_masters(keys, options.masters)
    write_keys(options.folder / KEY_FILE, keys)
    Register(options.folder / REGISTER_FILE).close()
    print(f"keyring: keys made in {options.folder}. {NOTICE}")
    return 0


def _serve(options: argparse.Namespace) -> int:
    keyring = LocalKeyring(options.folder)
    stop: list[int] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.append(number)

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    path = options.socket or options.folder / SOCKET_FILE
    server = Server(path, Calls(keyring).answer, _log)
    if options.group:
        _open_to(path, options.group)
    print(f"keyring: ready at {path}", flush=True)
    try:
        while not stop:
            server.serve_once(WAIT_SECONDS)
    finally:
        server.close()
        keyring.close()
    return 0


def _open_to(path: Path, group: str) -> None:
    """Let a group ask the keyring. Raises: KeyFileError."""
    try:
        shutil.chown(path, group=group)
        path.chmod(0o660)
    except (OSError, LookupError) as error:
        raise KeyFileError(f"--group {group}: {error}; the keyring's user must be in it") from None


def _provision(options: argparse.Namespace) -> int:
    with closing(LocalKeyring(options.folder)) as keyring:
        generation = max(keyring.keys.masters)
        device, epoch, kind = options.device, options.epoch, options.kind
        device_config(keyring.keys, device, epoch, kind, generation, options.first_seq)
        place = (options.authority, options.operator, options.edge)
        what = (
            f"provision {kind} {device} epoch {epoch} authority {place[0]} operator {place[1]}"
            f" edge {json.dumps(place[2])} from {options.first_seq}"
        )
        _use(options, keyring, what, options.authority)
        config = keyring.provision(device, epoch, *place, kind, first_seq=options.first_seq)
        if pins := pin_commands.pins_of(keyring, options.clock).rows_of(device, epoch):
            config["pins"] = pins
        print(json.dumps(as_text(config), indent=1))
    return 0


def _certificate(options: argparse.Namespace) -> int:
    try:
        first = date.fromisoformat(options.first) if options.first else datetime.now(UTC).date()
    except ValueError:
        raise KeyringRefused(f"--from {options.first}: wanted YYYY-MM-DD") from None
    from_day = (first - FIRST_DAY).days
    request = {"device": options.device, "epoch": options.epoch, "from_day": from_day}
    with closing(LocalKeyring(options.folder)) as keyring:
        certified = keyring.assemble("certificate", request)
        authority = keyring.assembly.active(options.device, options.epoch).authority
        what = f"certificate of device {options.device} epoch {options.epoch} from {first}"
        _use(options, keyring, what, authority)
        signers = {str(a): key.hex() for a, key in keyring.signing.signers().items()}
        print(json.dumps({"certificate": certified.hex(), "signers": signers}, indent=1))
    return 0


def _status(options: argparse.Namespace) -> int:
    with closing(LocalKeyring(options.folder)) as keyring:
        status = {
            "cards": keyring.register.card_count(),
            "devices": len(keyring.register.devices()),
            "incarnation": keyring.register.incarnation(),
            "generations": sorted(keyring.keys.masters),
            "authorities": sorted(keyring.keys.authority_seeds),
            "last_batch": _last_batch(keyring),
            "publics": [public.hex() for _, public in keyring.assemble("publics", {})],
        }
    print(json.dumps(status))
    return 0


def _restored(options: argparse.Namespace) -> int:
    with closing(LocalKeyring(options.folder)) as keyring:
        _use(options, keyring, f"incarnation after {keyring.register.incarnation()}", 0)
        print(f"keyring: incarnation {keyring.restored()}")
    return 0


def _last_batch(keyring: LocalKeyring) -> dict[str, int | str] | None:
    known = keyring.assembly.batches.known()
    if not known:
        return None
    number, digest = known.popitem()
    return {"number": number, "sha256": digest.hex()}


def _forget_batches(options: argparse.Namespace) -> int:
    with closing(LocalKeyring(options.folder)) as keyring:
        batches = keyring.assembly.batches
        found = _known_from(options.first, batches.known())
        _use(options, keyring, f"forget batches {min(found)} to {max(found)}", 0)
        batches.forget(options.first)
    for number, digest in found.items():
        print(f"keyring: forgot batch {number} {digest.hex()[:8]}")
    return 0


def _known_from(first: int, known: Mapping[int, bytes]) -> dict[int, bytes]:
    """Return the batches numbered from `first` on. Raises: KeyringRefused when there are none."""
    if first < 1:
        raise KeyringRefused(f"--from {first}: wanted the number of a batch, 1 or more")
    found = {number: digest for number, digest in known.items() if number >= first}
    if not found:
        held = f"{min(known)} to {max(known)} are" if known else "none at all is"
        raise KeyringRefused(f"--from {first}: no batch from there on is known; {held}")
    return found


def _refuse(options: argparse.Namespace) -> int:
    with closing(LocalKeyring(options.folder)) as keyring:
        device = keyring.assembly.active(options.device, options.epoch)
        with asking.asker(options, options.folder, SystemClock()) as asker:
            if asker:
                asker.demand("devices.change", device.authority)
        keyring.refuse(options.device, options.epoch)
    return 0


def _uses(options: argparse.Namespace) -> int:
    with closing(LocalKeyring(options.folder)) as keyring:
        for use in KeyUses(keyring.register.database, SystemClock()).every():
            print(json.dumps(use._asdict()))
    return 0


def _use(options: argparse.Namespace, keyring: LocalKeyring, what: str, authority: int) -> None:
    """Write down the use of a key; by two people where the folder is bound to a register."""
    clock = SystemClock()
    uses = KeyUses(keyring.register.database, clock)
    with asking.asker(options, options.folder, clock) as asker:
        if asker is None:
            uses.begin(what, authority, "", None, 0)
            return
        asker.demand("devices.change", authority)
        approvals = asker.approvals(authority)
        uses.begin(what, authority, asker.name, approvals, options.proposal)


def _log(sentence: str) -> None:
    print(f"keyring: {sentence}", file=sys.stderr, flush=True)
