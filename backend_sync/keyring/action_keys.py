"""K_act: the key of the action lists, which moves on and cannot be turned back by a device.

A chain begins with a key that follows from K_root; each step is `kdf.next_action_key`. The register
keeps which chain, how many steps, the generation and the day of the last step: no key. Another
chain is begun when a device was lost, and when the ledger was restored: books that have forgotten
what they sealed would seal other lines under the numbers, and so the nonces, of those. Its
generation is 64 further, out of every old lease's reach. Its name is drawn, so that a keyring which
was itself put back to an older copy does not begin one again that was there before.
Whoever holds K_root can open all leases anyway, so erasing K_act here would protect nothing.
Source: decisions.md D9; trust.md 4.5, T6.
"""

from collections.abc import Callable

from backend_sync.keyring.register import Register
from backend_sync.ports import KeyringRefused
from card_layouts.crypto.kdf import hmac_sha256, next_action_key
from card_layouts.packages.action_list import GENERATIONS

FRESH_STEP = 64  # beyond the 31 steps that a lease's key may be taken forward
CHAIN_BYTES = 4
CHAIN, STEPS, DAY, GENERATION = "act_chain", "act_steps", "act_day", "act_generation"


class ActionKeys:
    """K_act by generation; `step` and `fresh` move it on, durable when they return."""

    def __init__(
        self, register: Register, root: bytes, random_bytes: Callable[[int], bytes]
    ) -> None:
        self.register = register
        self.root = root
        self.random_bytes = random_bytes

    def generation(self) -> int:
        return self.register.state(GENERATION)

    def chain(self) -> int:
        """Return the chain's name, 32 bits, the first one's 0: leases of another are of no use."""
        return self.register.state(CHAIN)

    def step(self, day: int) -> None:
        """Take one step on if none was taken on `day` (days since 2020) or later."""
        if day <= self.register.state(DAY):
            return
        self.register.keep_state(
            {
                DAY: day,
                STEPS: self.register.state(STEPS) + 1,
                GENERATION: (self.generation() + 1) % GENERATIONS,
            }
        )

    def fresh(self) -> None:
        """Begin another chain: a device with a lease is lost, stolen or refused."""
        self.register.keep_state(self.another())

    def another(self) -> dict[str, int]:
        """Return the state of another chain, not begun yet."""
        return {
            CHAIN: int.from_bytes(self.random_bytes(CHAIN_BYTES), "big"),
            STEPS: 0,
            GENERATION: (self.generation() + FRESH_STEP) % GENERATIONS,
        }

    def key(self, generation: int) -> bytes:
        """Return K_act, 16 bytes, of a generation. Raises: KeyringRefused for another chain's."""
        back = (self.generation() - generation) % GENERATIONS
        steps = self.register.state(STEPS) - back
        if steps < 0:
            raise KeyringRefused(
                f"K_act of generation {generation}: not of the chain that has come to"
                f" {self.generation()}"
            )
        name = self.chain().to_bytes(CHAIN_BYTES, "big")
        key = bytes(hmac_sha256(self.root, b"action lists" + name)[:16])
        for _ in range(steps):
            key = bytes(next_action_key(key))
        return key
