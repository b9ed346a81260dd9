"""Secrets of users: passwords and drivers' PINs, kept as Argon2id and never as themselves.

Source: RFC 9106; dependencies.md section 3. `cryptography` has had Argon2id since 44: the same
library that seals everything else, so no other is needed.
"""

from base64 import b64encode
from collections.abc import Callable
from typing import NamedTuple

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from backend_sync.registers.refusals import Refused

SALT_BYTES, HASH_BYTES = 16, 32
PASSWORD_LEAST, SECRET_MOST = 10, 200
PIN_LEAST, PIN_MOST = 4, 8
PIN_ROLES = ("driver", "conductor")
# A PIN of four digits is found by trying; an account that saw so many wrong ones is locked.
WRONG_MOST = 5


class Cost(NamedTuple):
    """What one guess costs: OWASP's least for Argon2id, about 50 ms of one core."""

    memory_kib: int = 19 * 1024
    passes: int = 2
    lanes: int = 1


class Passwords:
    """Makes and checks what is kept of a secret; `random_bytes` gives the salt."""

    def __init__(self, random_bytes: Callable[[int], bytes], cost: Cost) -> None:
        self.random_bytes = random_bytes
        self.cost = cost
        # Checked when there is no such user, so that both answers take as long. No secret gives
        # these bytes, and none was hashed for them: that would be 50 ms of every command's start.
        salt, digest = _phc(random_bytes(SALT_BYTES)), _phc(random_bytes(HASH_BYTES))
        costs = f"m={cost.memory_kib},t={cost.passes},p={cost.lanes}"
        self.nobody = f"$argon2id$v=19${costs}${salt}${digest}"

    def keep(self, secret: str) -> str:
        """Return a secret as PHC text with its salt and cost."""
        kdf = Argon2id(
            salt=self.random_bytes(SALT_BYTES),
            length=HASH_BYTES,
            iterations=self.cost.passes,
            lanes=self.cost.lanes,
            memory_cost=self.cost.memory_kib,
        )
        return str(kdf.derive_phc_encoded(secret.encode()))

    def is_right(self, secret: str, kept: str) -> bool:
        """Say whether `secret` is the one kept; an account without one takes none."""
        try:
            Argon2id.verify_phc_encoded(secret.encode(), kept or self.nobody)
        except InvalidKey:
            return False
        return bool(kept)


def _phc(data: bytes) -> str:
    return b64encode(data).decode().rstrip("=")


def check_secret(role: str, secret: str) -> None:
    """Raise Refused when a secret is too easily guessed; the message never holds it."""
    if role in PIN_ROLES:
        fits = secret.isascii() and secret.isdigit() and PIN_LEAST <= len(secret) <= PIN_MOST
        if not fits or len(set(secret)) == 1:
            raise Refused(
                "PIN: wanted {least} to {most} digits that are not all the same",
                least=PIN_LEAST,
                most=PIN_MOST,
            )
    elif not PASSWORD_LEAST <= len(secret) <= SECRET_MOST:
        raise Refused(
            "password: {length} characters, wanted {least} to {most}",
            length=len(secret),
            least=PASSWORD_LEAST,
            most=SECRET_MOST,
        )
