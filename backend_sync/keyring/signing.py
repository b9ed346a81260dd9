"""Acknowledgements, manifests, certificates, settled days: a MAC for the device, Ed25519 for all.

It must not know files or databases. Source: decisions D16, D18; card-bits.md ACK, MANIFEST.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from backend_sync.keyring.keyfile import Keys
from backend_sync.ports import KeyringRefused
from card_layouts.crypto.cmac import cmac
from card_layouts.crypto.kdf import device_key, device_label
from card_layouts.errors import LayoutError, RangeError
from card_layouts.packages.ack import seal_ack
from card_layouts.packages.manifest import MANIFEST, MANIFEST_LAYOUT, manifest_message
from card_layouts.settlement.batch import batch_message
from card_layouts.tickets.single import (
    CERTIFICATE,
    CERTIFICATE_LAYOUT,
    certificate_message,
    read_certificate,
)

SIGNATURES_KEPT_MAX = 256


class Signer:
    """One Ed25519 key with its key id, SHA-256(public)[:4]."""

    def __init__(self, seed: bytes) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = hashlib.sha256(self.public).digest()[:4]

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message)


class Signing:
    """Every signature the keyring makes."""

    def __init__(self, keys: Keys) -> None:
        self.root = keys.root
        self.ledger = Signer(keys.ledger_seed)
        self.authorities = {a: Signer(seed) for a, seed in keys.authority_seeds.items()}
        self.labels: dict[tuple[int, int, bytes], bytes] = {}
        self.signed: dict[bytes, bytes] = {}

    def label(self, device: int, epoch: int, label: bytes) -> bytes:
        """Return a device's 16-byte key for one use."""
        found = self.labels.get((device, epoch, label))
        if found is None:
            found = device_label(device_key(self.root, device, epoch), label)
            self.labels[device, epoch, label] = found
        return found

    def publics(self) -> list[tuple[bytes, bytes]]:
        """Return (key id, public key) of the ledger and of every authority."""
        return [(s.key_id, s.public) for s in [self.ledger, *self.authorities.values()]]

    def signers(self) -> dict[int, bytes]:
        """Return {authority: public key}: who certifies sellers of tickets. The scheme does not."""
        return {a: signer.public for a, signer in self.authorities.items() if a}

    def certified(self, values: Mapping[str, Any]) -> bytes:
        """Return CERTIFICATE and its authority's signature, 106 bytes. Raises: KeyringRefused."""
        try:
            body = bytes(CERTIFICATE.pack({"layout": CERTIFICATE_LAYOUT, **values}))
            read_certificate(body)
        except (LayoutError, RangeError, TypeError) as error:
            raise KeyringRefused(f"certificate: {error}") from None
        signer = self.authorities.get(values["authority"])
        if signer is None or not values["authority"]:
            raise KeyringRefused(f"certificate: no signing key for authority {values['authority']}")
        return body + signer.sign(certificate_message(body))

    def ack_batch(self, acks: Sequence[Mapping[str, Any]]) -> bytes:
        """Return n x 64 | key id | signature for an edge. Raises: KeyringRefused."""
        statements = b"".join(self._ack(values) for values in acks)
        signature = self.ledger.sign(hashlib.sha256(statements).digest())
        return statements + self.ledger.key_id + signature

    def _ack(self, values: Mapping[str, Any]) -> bytes:
        key = self.label(values["device"], values["epoch"], b"ack")
        try:
            return bytes(seal_ack(dict(values), key))
        except (RangeError, TypeError) as error:
            raise KeyringRefused(
                f"acknowledgement for device {values['device']}: {error}"
            ) from None

    def settlement(self, body: bytes) -> bytes:
        """Return key id | signature, 68 bytes, for a closed batch that `Batches` has checked."""
        return self.ledger.key_id + self.ledger.sign(batch_message(body))

    def envelope(self, device: int, epoch: int, values: Mapping[str, Any]) -> bytes:
        """Return MANIFEST | SIGNATURE | device MAC for one device. Raises: KeyringRefused."""
        try:
            manifest = bytes(MANIFEST.pack({"layout": MANIFEST_LAYOUT, **values}))
        except (RangeError, TypeError) as error:
            raise KeyringRefused(f"manifest for device {device}: {error}") from None
        signed = manifest + self._manifest_signature(manifest, values.get("authority", 0))
        return signed + bytes(cmac(self.label(device, epoch, b"cfg"), signed))

    def _manifest_signature(self, manifest: bytes, authority: int) -> bytes:
        """Return the 68-byte SIGNATURE; the same manifest for many devices is signed once."""
        found = self.signed.get(manifest)
        if found is None:
            signer = self.authorities.get(authority)
            if signer is None:
                raise KeyringRefused(f"manifest: no signing key for authority {authority}")
            found = signer.key_id + signer.sign(manifest_message(manifest))
            if len(self.signed) >= SIGNATURES_KEPT_MAX:
                self.signed.clear()
            self.signed[manifest] = found
        return found
