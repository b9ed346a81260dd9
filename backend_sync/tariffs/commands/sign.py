"""`tornello tariff sign PACKAGE --keys FILE -o FILE`: the manifest that says who made a package.

The file is MANIFEST 64 bytes, then SIGNATURE 68 bytes. The publisher adds a MAC for each device.
The signature is checked again before the file is written. Source: D18, card_layouts/SPEC.md.
"""

import argparse
import hashlib
from pathlib import Path
from typing import Any

from backend_sync.keyring.keyfile import KeyFileError, read_keys
from backend_sync.keyring.signing import Signer
from backend_sync.tariffs.commands.failure import CommandFailed
from backend_sync.tariffs.commands.output import print_json
from backend_sync.tariffs.packages import PackageInfo, package_info
from card_layouts.packages.manifest import (
    MANIFEST,
    MANIFEST_LAYOUT,
    TARIFF,
    check_signatures_steps,
    manifest_message,
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("package", type=Path, help="a body written by `tariff compile`")
    parser.add_argument("--keys", type=Path, required=True, help="the key file of `keyring init`")
    parser.add_argument("-o", "--out", type=Path, required=True, help="where the manifest goes")
    parser.add_argument("--floor", type=int, help="smallest version devices take afterwards")
    parser.add_argument("--target", type=int, default=0, help="kind of device, 0 is every kind")
    parser.add_argument("--made", type=int, help="UTC second since 2020; without it the clock's")
    parser.add_argument("--json", action="store_true", help="print the manifest as JSON")


def run(options: argparse.Namespace) -> int:
    info = package_info(options.package)
    signer = _signer(options.keys, info.authority)
    made = options.clock.utc_seconds() if options.made is None else options.made
    fields = manifest_fields(info, made, options.floor, options.target)
    manifest = bytes(MANIFEST.pack(fields))
    signature = signer.sign(manifest_message(manifest))
    for _step in check_signatures_steps(
        manifest, [(signer.key_id, signature)], {signer.key_id: signer.public}
    ):
        pass
    options.out.write_bytes(manifest + signer.key_id + signature)
    shown = {
        "file": str(options.out),
        "package": str(options.package),
        "authority": info.authority,
        "version": info.version,
        "floor": fields["floor"],
        "sha256": fields["sha256"].hex(),
        "key_id": signer.key_id.hex(),
        "public_key": signer.public.hex(),
    }
    if options.json:
        print_json(shown)
    else:
        print("\n".join(f"{key.replace('_', ' '):<11} {value}" for key, value in shown.items()))
    return 0


def manifest_fields(info: PackageInfo, made: int, floor: int | None, target: int) -> dict[str, Any]:
    """Return the manifest of a tariff package. Shape: the fields of MANIFEST."""
    return {
        "layout": MANIFEST_LAYOUT,
        "role": TARIFF,
        "authority": info.authority,
        "target": target,
        "version": info.version,
        "floor": info.version if floor is None else floor,
        "semantics": info.semantics,
        "valid_from": info.valid_from_second,
        "expires": info.expires_second,
        "size": len(info.body),
        "made": made,
        "sha256": hashlib.sha256(info.body).digest(),
    }


def _signer(path: Path, authority: int) -> Signer:
    try:
        seeds = read_keys(path).authority_seeds
    except KeyFileError as error:
        raise CommandFailed(str(error)) from None
    if authority not in seeds:
        known = ", ".join(str(number) for number in sorted(seeds))
        raise CommandFailed(
            f"{path.name}: no signing key of authority {authority}; it has {known};"
            " make a key file with `keyring init --authority`"
        )
    return Signer(seeds[authority])
