"""The broker port over paho-mqtt: MQTT 3.1.1, QoS 1, acknowledged by hand.

paho's thread only puts messages into a bounded queue; all work happens in the caller's loop. A
full queue drops a message: edges send again until the ledger's own acknowledgement arrives, so a
PUBACK promises nothing and a drop costs time only. Source: architecture.md section 6, D17.
"""

import queue
from collections.abc import Sequence
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from backend_sync.ports import Message

QOS = 1
KEEPALIVE_SECONDS = 30
RECONNECT_SECONDS_MAX = 10
OUT_QUEUE_MESSAGES = 1000


class MqttBroker:
    """One connection that is looked for in the background until `close`."""

    def __init__(
        self, host: str, port: int, client_id: str, topics: Sequence[str], queue_messages: int = 200
    ) -> None:
        self.topics = list(topics)
        self.waiting: queue.Queue[Message] = queue.Queue(queue_messages)
        self.dropped = 0
        self.client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=True,  # nothing is kept for us: edges keep everything themselves
            protocol=MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        self.client.max_queued_messages_set(OUT_QUEUE_MESSAGES)
        self.client.reconnect_delay_set(1, RECONNECT_SECONDS_MAX)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_message = self._on_message
        self.is_connected = False
        self.client.connect_async(host, port, KEEPALIVE_SECONDS)
        self.client.loop_start()

    @property
    def connected(self) -> bool:
        return self.is_connected

    def receive(self, limit: int, wait_ms: int) -> list[Message]:
        messages: list[Message] = []
        try:
            messages.append(self.waiting.get(timeout=wait_ms / 1000))
            while len(messages) < limit:
                messages.append(self.waiting.get_nowait())
        except queue.Empty:
            pass
        return messages

    def done(self, message: Message) -> None:
        # Of an earlier connection: paho answers with an error code, and the broker sends again.
        self.client.ack(message.token, QOS)

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        if not self.is_connected:
            return False
        sent = self.client.publish(topic, payload, QOS, retain)
        return sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _on_connect(
        self,
        client: Client,
        userdata: Any,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            return
        client.subscribe([(topic, QOS) for topic in self.topics])
        self.is_connected = True

    def _on_disconnect(
        self,
        client: Client,
        userdata: Any,
        flags: DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self.is_connected = False

    def _on_message(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        try:
            self.waiting.put_nowait(Message(message.topic, bytes(message.payload), message.mid))
        except queue.Full:
            self.dropped += 1
            client.ack(message.mid, QOS)
