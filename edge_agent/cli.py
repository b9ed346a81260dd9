"""`tornello edge run | status | outbox`: for the people who run docks."""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from edge_agent.config import ConfigError, EdgeConfig, read_config
from edge_agent.figures import exposition
from edge_agent.slots_file import write_slots
from edge_agent.status import as_table
from edge_agent.store import Store, StoreRefused
from edge_agent.tls import TlsError, check_name

COPY_WAIT_S = 15.0


class CommandError(Exception):
    """The command cannot be done; the message says what to do instead."""


def main(arguments: Sequence[str]) -> int:
    """Run one command; 0 done, 1 refused by the world, 2 wrong use."""
    options = _parser().parse_args(list(arguments))
    try:
        config = read_config(options.config)
        return int(options.run(config, options))
    except (ConfigError, TlsError, StoreRefused, CommandError) as error:
        print(f"edge: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError | TlsError) else 1
    except ModuleNotFoundError as error:
        print(f"edge: Python module {error.name} is missing; run ./tornello once", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tornello edge", description="The edge agent: docks, outbox, link to the ledger."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = _command(commands, "run", "serve the docks until SIGTERM")
    run.set_defaults(run=_run)
    status = _command(commands, "status", "docks, devices and outbox of the running agent")
    form = status.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON")
    form.add_argument("--figures", action="store_true", help="as Prometheus reads them")
    status.set_defaults(run=_status)
    outbox = commands.add_parser("outbox", help="entries stored here").add_subparsers(
        required=True, metavar="COMMAND"
    )
    ls = _command(outbox, "ls", "one line a run of entries")
    ls.add_argument("--json", action="store_true", help="as JSON")
    ls.set_defaults(run=_outbox_ls)
    export = _command(outbox, "export", "a whole copy of the database, for any SQLite tool")
    export.add_argument("file", type=Path, help="file to write; must not exist")
    export.set_defaults(run=_outbox_export)
    slots = _command(outbox, "ciphertext", "sealed entries alone, for who checks a settlement")
    slots.add_argument("file", type=Path, help="file to write; must not exist")
    slots.set_defaults(run=_outbox_ciphertext)
    retry = _command(outbox, "retry", "send everything unacknowledged again now")
    retry.set_defaults(run=_outbox_retry)
    return parser


def _command(commands: argparse._SubParsersAction, name: str, what: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=what, description=what)
    parser.add_argument("--config", type=Path, default=Path("edge.toml"), help="edge.toml")
    return parser


def _run(config: EdgeConfig, _options: argparse.Namespace) -> int:
    from edge_agent.app import run

    if config.broker.tls and not config.broker.username:  # the certificate's name is our right
        check_name(config.broker.tls[1], config.edge)
    return run(config)


def _status(config: EdgeConfig, options: argparse.Namespace) -> int:
    try:
        text = config.status.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(
            f"{config.status}: {error.strerror}; start the agent with `tornello edge run`"
        ) from error
    status = json.loads(text)
    status["running"] = status["running"] and _is_alive(status["pid"])
    if options.figures:
        print(exposition(status), end="")
    else:
        print(json.dumps(status, indent=1) if options.json else as_table(status))
    return 0


def _outbox_ls(config: EdgeConfig, options: argparse.Namespace) -> int:
    copy = config.requests / f"ls-{os.getpid()}.db"
    with _copied(config, copy):
        store = Store(copy)
        rows = store.connection.execute(
            "SELECT device, epoch, first_seq, last_seq, ifnull(acked_seq, 0)"
            " FROM runs LEFT JOIN marks USING (device, epoch) ORDER BY device, epoch, first_seq"
        ).fetchall()
        store.close()
    if options.json:
        names = ("device", "epoch", "first_seq", "last_seq", "acked_seq")
        print(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=1))
        return 0
    print(f"{'device':>8}{'epoch':>7}{'first':>10}{'last':>10}{'acked':>10}{'unsent':>8}")
    for device, epoch, first, last, acked in rows:
        unsent = max(0, last - max(acked, first - 1))
        print(f"{device:>8}{epoch:>7}{first:>10}{last:>10}{acked:>10}{unsent:>8}")
    return 0


def _outbox_export(config: EdgeConfig, options: argparse.Namespace) -> int:
    if options.file.exists():
        raise CommandError(f"{options.file} exists; name another file")
    copy = config.requests / f"export-{os.getpid()}.db"
    with _copied(config, copy):
        options.file.write_bytes(copy.read_bytes())
        options.file.chmod(0o600)
    print(f"{options.file}: {options.file.stat().st_size} bytes; it holds dock keys, keep it safe")
    return 0


def _outbox_ciphertext(config: EdgeConfig, options: argparse.Namespace) -> int:
    if options.file.exists():
        raise CommandError(f"{options.file} exists; name another file")
    copy = config.requests / f"ciphertext-{os.getpid()}.db"
    with _copied(config, copy):
        store = Store(copy)
        try:
            written = write_slots(store, config.edge, options.file)
        except OSError as error:
            raise CommandError(f"{options.file}: {error.strerror}") from error
        finally:
            store.close()
    print(f"{options.file}: {written.slots} sealed entries of {written.devices} devices")
    return 0


def _outbox_retry(config: EdgeConfig, _options: argparse.Namespace) -> int:
    try:
        config.requests.mkdir(parents=True, exist_ok=True)
        (config.requests / "retry").touch()
    except OSError as error:
        raise CommandError(f"{config.requests}: {error.strerror}") from error
    print("asked: the agent sends everything unacknowledged again at its next turn")
    return 0


class _copied:
    """A copy of the database at `copy` for the length of a block, by the agent or by us."""

    def __init__(self, config: EdgeConfig, copy: Path) -> None:
        self._config = config
        self._copy = copy

    def __enter__(self) -> None:
        if not self._config.database.exists():
            raise CommandError(f"{self._config.database}: nothing was ever stored here")
        self._config.requests.mkdir(parents=True, exist_ok=True)
        try:
            store = Store(self._config.database)
        except StoreRefused:
            self._ask_agent()
            return
        store.copy_to(self._copy)
        store.close()

    def __exit__(self, *_exception: object) -> None:
        for path in (self._copy, self._copy.with_suffix(".lock")):
            path.unlink(missing_ok=True)

    def _ask_agent(self) -> None:
        wanted = self._copy.with_name(self._copy.name + ".wanted")
        wanted.touch()
        until = time.monotonic() + COPY_WAIT_S
        while wanted.exists():
            if time.monotonic() > until:
                wanted.unlink(missing_ok=True)
                raise CommandError(
                    "the agent holds the database and does not answer; see `edge status`"
                )
            time.sleep(0.05)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
