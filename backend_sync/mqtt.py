"""The broker port over paho-mqtt: MQTT 3.1.1, QoS 1, acknowledged by hand.

paho's thread only puts messages into a bounded queue; all work happens in the caller's loop. A
full queue drops a message: edges send again until the ledger's own acknowledgement arrives, so a
PUBACK promises nothing and a drop costs time only. So does what a connection's end left in paho's
queue: sent first over the next one, it would fill a line that is cut again and again for ever.
Source: architecture.md section 6, D17.
"""

import queue
import ssl
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
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


class Unconfirmed:
    """Messages not confirmed to the broker yet, in the order they came.

    MQTT wants PUBACKs in that order (3.1.1, 4.6), and rumqttd closes a connection that does not
    keep to it; work here ends in another. Tokens are our own: a message of an earlier connection
    has none any more, and its number may mean another one by now.
    """

    def __init__(self, confirm: Callable[[int], object]) -> None:
        self.confirm = confirm
        self.lock = threading.Lock()
        self.last = 0
        self.mids: OrderedDict[int, int] = OrderedDict()
        self.finished: set[int] = set()

    def add(self, mid: int) -> int:
        """Return the token of a message that has just come."""
        with self.lock:
            self.last += 1
            self.mids[self.last] = mid
            return self.last

    def done(self, token: int) -> None:
        """Confirm the message and those behind it that waited for it alone."""
        with self.lock:
            if token not in self.mids:
                return
            self.finished.add(token)
            while self.mids and next(iter(self.mids)) in self.finished:
                first, mid = self.mids.popitem(last=False)
                self.finished.remove(first)
                self.confirm(mid)

    def forget(self) -> None:
        """Drop all: the connection they came over is gone."""
        with self.lock:
            self.mids.clear()
            self.finished.clear()


class MqttBroker:
    """One connection that is looked for in the background until `close`."""

    def __init__(
        self,
        host: str,
        port: int,
        client_id: str,
        topics: Sequence[str],
        queue_messages: int = 200,
        tls: ssl.SSLContext | None = None,
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
        if tls:
            self.client.tls_set_context(tls)
        self.client.on_pre_connect = _forget_queue
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_message = self._on_message
        self.unconfirmed = Unconfirmed(lambda mid: self.client.ack(mid, QOS))
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
        self.unconfirmed.done(message.token)

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
        self.unconfirmed.forget()

    def _on_message(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        token = self.unconfirmed.add(message.mid)
        try:
            self.waiting.put_nowait(Message(message.topic, bytes(message.payload), token))
        except queue.Full:
            self.dropped += 1
            self.unconfirmed.done(token)


def _forget_queue(client: Client, _data: object) -> None:
    """Let nothing that was handed over outlive its connection."""
    client.drop_out_messages()
