"""A stranger on the broker who forges acknowledgements, so that entries would be forgotten.

Planted with `demo --plant forged-acks`. It knows every public thing: topics, layouts, devices; it
has no key. Its batches are random, truncated, replayed and well-formed but signed by itself.
"""

import time

import paho.mqtt.client as mqtt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt.enums import CallbackAPIVersion

from card_layouts.packages.ack import ACK, ack_digest, join_ack_batch
from simulator.demo import system
from simulator.demo.files import Settings
from simulator.prng import Prng

FORGED_COUNT = 120


class Forger:
    """Sends `FORGED_COUNT` forged batches to the demo's edge."""

    def __init__(self, settings: Settings, port: int) -> None:
        self.prng = Prng(settings.seed).fork("forger")
        self.key = Ed25519PrivateKey.from_private_bytes(self.prng.bytes(32))
        self.devices = [system.OFFICE_DEVICE] + [
            system.device_of(validator) for validator in range(settings.validators)
        ]
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="forger", protocol=mqtt.MQTTv311
        )
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def strike(self) -> None:
        """Publish every forged batch."""
        topic = f"tornello/v1/{system.EDGE_AUTHORITY}/{system.EDGE}/ack"
        for number in range(FORGED_COUNT):
            self.client.publish(topic, self._batch(number), qos=1).wait_for_publish(10)

    def close(self) -> None:
        self.client.loop_stop()
        self.client.disconnect()

    def _batch(self, number: int) -> bytes:
        device = self.devices[number % len(self.devices)]
        statement: bytes = ACK.pack(
            {
                "layout": 1,
                "device": device,
                "seq": (1 << 30) - 1 if number % 2 else 20 + number,
                "incarnation": 1 + number % 3,
                "time": int(time.time()) & 0xFFFFFFF,
                "H": self.prng.bytes(32),
                "mac": self.prng.bytes(16),
            }
        )
        digest = ack_digest([statement])
        signature = self.key.sign(digest) if number % 3 else self.prng.bytes(64)
        batch: bytes = join_ack_batch([statement], self.prng.bytes(4), signature)
        return batch if number % 5 else batch[: self.prng.below(len(batch))]
