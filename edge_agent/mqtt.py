"""The broker over paho-mqtt: the network thread only moves bytes, the agent's thread decides.

Connects in the background for ever; messages are confirmed to the broker only when the agent has
them on disk; birth and last will are retained on `state`. No session outlives its connection: at
each birth the agent says what it holds and sends again what is not acknowledged. A queue that the
broker keeps comes first and all at once over each new connection, packages before the newest
acknowledgement; over a line that is cut again and again nothing ever got past it. Nor does paho's
own queue outlive its connection: it would send the old batches first, before it reads an answer.
Source: dependencies.md findings 1, 2; architecture.md section 6.
"""

import queue
from collections.abc import Callable

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.config import BrokerConfig
from edge_agent.ports import Message
from edge_agent.tls import client_context

RECEIVED_MAX = 1000
QUEUED_MAX = 16  # the outbox is the queue
KEEPALIVE_S = 30
MIDS = 1 << 16  # numbers of messages of one connection


class MqttBroker:
    """The `Broker` port over MQTT 3.1.1.

    `wake` is called from the network thread whenever the agent should look.
    """

    def __init__(
        self,
        config: BrokerConfig,
        client_id: str,
        subscriptions: tuple[str, ...],
        will: tuple[str, bytes],
        wake: Callable[[], None],
    ) -> None:
        self._received: queue.Queue[Message] = queue.Queue(RECEIVED_MAX)
        self._subscriptions = subscriptions
        self._wake = wake
        self._connections = 0
        self.problem = "not connected yet"
        self.dropped = 0
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=True,  # nothing is kept for us: what we lack is sent again (see above)
            protocol=paho.MQTTv311,
            manual_ack=True,
        )
        self._client.max_queued_messages_set(QUEUED_MAX)
        self._client.reconnect_delay_set(1, 8)
        self._client.will_set(will[0], will[1], qos=1, retain=True)
        if config.username:
            self._client.username_pw_set(config.username, config.password or None)
        if config.tls:
            self._client.tls_set_context(client_context(*config.tls))
        self._client.on_pre_connect = _forget_queue
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._place = f"{config.host}:{config.port}"
        self._doubt = ", or it and our certificate do not fit" if config.tls else ""
        self._client.connect_async(config.host, config.port, KEEPALIVE_S)
        self._client.loop_start()

    @property
    def connected(self) -> bool:
        """Say whether the broker answers at the moment."""
        return self._client.is_connected()

    @property
    def connections(self) -> int:
        """Return how often a connection was made."""
        return self._connections

    def receive(self, limit: int) -> list[Message]:
        """Return up to `limit` messages that have come; does not wait."""
        messages: list[Message] = []
        while len(messages) < limit and not self._received.empty():
            messages.append(self._received.get_nowait())
        return messages

    def done(self, message: Message) -> None:
        """Confirm a message to the broker: it is on disk here.

        Not one of an earlier connection: there its number means another message or none.
        """
        connection, mid = divmod(message.token, MIDS)
        if connection == self._connections:
            self._client.ack(mid, 1)

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        """Hand a message over; False without connection or room. True promises nothing."""
        if not self._client.is_connected():
            return False
        return self._client.publish(topic, payload, 1, retain).rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def close(self) -> None:
        """Say goodbye and stop the network thread."""
        self._client.disconnect()
        self._client.loop_stop()

    # --- the network thread -------------------------------------------------------------

    def _on_connect(
        self,
        client: paho.Client,
        _data: object,
        _flags: paho.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self.problem = f"{self._place}: broker refuses: {reason}; check user and password"
            return
        for topic in self._subscriptions:
            client.subscribe(topic, qos=1)
        self.problem = ""
        self._connections += 1
        self._wake()

    def _on_connect_fail(self, _client: paho.Client, _data: object) -> None:
        self.problem = f"{self._place}: no broker answers{self._doubt}; entries wait here"

    def _on_disconnect(
        self,
        _client: paho.Client,
        _data: object,
        _flags: paho.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self.problem = f"{self._place}: connection lost ({reason}){self._doubt}; entries wait here"

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        try:
            token = self._connections * MIDS + message.mid
            self._received.put_nowait(Message(message.topic, bytes(message.payload), token))
        except queue.Full:
            self.dropped += 1  # the ledger learns at the next state that we do not hold it
        self._wake()


def _forget_queue(client: paho.Client, _data: object) -> None:
    """Let nothing that was handed over outlive its connection."""
    client.drop_out_messages()
