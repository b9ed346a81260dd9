"""What a device's configuration may hold, made once at the provisioning bench.

A device never gets K_dev or K_root: only the labelled keys it needs, the masters its kind may use
(pilot: software keys), and the public keys it checks packages with. It must not touch files or
databases. Source: decisions D1, D10, D12, D13; trust.md 6.1.
"""

from typing import Any

from backend_sync.keyring.keyfile import MASTERS, NOTICE, TICKET, Keys
from backend_sync.ports import KeyringRefused
from card_layouts.crypto.ed25519_cpython import public_native
from card_layouts.crypto.kdf import block_key, device_key, device_label, ticket_seed
from card_layouts.tickets.single import SELLER_COUNTER, SELLER_VEHICLE

# Which master keys a kind of device works with (card.md T1). K0 and PICC only where cards are made.
# An inspector reads tickets by their signature, without a key.
MASTERS_OF = {
    "validator": ("K1", TICKET),
    "vehicle": ("K1", TICKET),  # a validator that sells single tickets
    "inspector": ("K3",),
    "counter": ("K1", "K2", "K3", TICKET),
    "issuer": (*MASTERS, TICKET),
}
# Which kinds sell single tickets, and as what (card_layouts/tickets/single.py).
SELLERS = {"vehicle": SELLER_VEHICLE, "counter": SELLER_COUNTER, "issuer": SELLER_COUNTER}
DEVICE_MAX = (1 << 20) - 1
EPOCH_MAX = 63


def device_config(
    keys: Keys, device: int, epoch: int, kind: str, generation: int, first_seq: int
) -> dict[str, Any]:
    """Return the keys and numbers of one device in one epoch; keys as bytes.

    Shape: card_keys is {generation: {"K1": 16 B, ...}}; publics {key_id 4 B: public 32 B} and
    signers {authority: public 32 B} are the caller's to add. K_block is that of ordinal 0 and
    stands only in the journal's first block. `ticket` is there for those who sell.
    Raises: KeyringRefused naming what does not fit.
    """
    if not 1 <= device <= DEVICE_MAX:
        raise KeyringRefused(f"device {device}: wanted 1..{DEVICE_MAX}")
    if not 0 <= epoch <= EPOCH_MAX:
        raise KeyringRefused(f"epoch {epoch} of device {device}: wanted 0..{EPOCH_MAX}")
    if kind not in MASTERS_OF:
        raise KeyringRefused(f"kind {kind!r} of device {device}: wanted {', '.join(MASTERS_OF)}")
    if generation not in keys.masters:
        raise KeyringRefused(f"generation {generation}: the key file has {sorted(keys.masters)}")
    k_dev = device_key(keys.root, device, epoch)
    masters = keys.masters[generation]
    config = {
        "notice": NOTICE,
        "device": device,
        "epoch": epoch,
        "kind": kind,
        "generation": generation,
        "aid": keys.aid,
        "first_seq": first_seq,
        "chain": device_label(k_dev, b"chain"),
        "ack": device_label(k_dev, b"ack"),
        "cfg": device_label(k_dev, b"cfg"),
        "dock": device_label(k_dev, b"dock"),
        "wrap": device_label(k_dev, b"wrap"),
        "K_block": block_key(k_dev),
        "card_keys": {
            generation: {name: masters[name] for name in MASTERS_OF[kind] if name in masters}
        },
    }
    if kind in SELLERS:
        seed = ticket_seed(k_dev)
        config["ticket"] = {"seed": seed, "public": public_native(seed)}
    return config


def as_text(config: dict[str, Any]) -> dict[str, Any]:
    """Return the same with bytes as hexadecimal and text keys, for a JSON file."""
    return {
        _text(key): as_text(value) if isinstance(value, dict) else _plain(value)
        for key, value in config.items()
    }


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _text(key: Any) -> str:
    return key.hex() if isinstance(key, bytes) else str(key)
