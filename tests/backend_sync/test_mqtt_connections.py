"""The ledger's connection to the broker ends: what it had handed over is not sent again first."""

import socket
import threading

import pytest

from backend_sync.mqtt import MqttBroker
from tests.edge_agent.test_short_lines import PATIENCE_S, FarEnd


@pytest.mark.requirement("T11", "T25")
def test_what_was_handed_over_in_an_earlier_connection_does_not_come_first_in_the_next():
    moment = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(PATIENCE_S)
        broker = MqttBroker("127.0.0.1", door.getsockname()[1], "ledger", ["up"])
        try:
            for said in (b"first", b"second"):
                far = FarEnd(door)
                while not broker.publish("down", said):
                    moment.wait(0.01)
                assert far.message().endswith(said)
                far.end()
                while broker.connected:
                    moment.wait(0.01)
        finally:
            broker.close()
