"""mosquitto with the configuration that is shipped, on this machine's paths and a free port."""

import os
import pwd
import signal
import socket
import ssl
import subprocess
import threading
from pathlib import Path

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

import backend_sync.deploy
from backend_sync.deploy.main import main
from backend_sync.tls import client_context

SHIPPED = Path(backend_sync.deploy.__file__).parent / "mosquitto.conf"
PATIENCE_S = 150
AREA = 244
# MQTT 3.1.1 CONNECT of client "x"; its answer begins with 0x20.
CONNECT = bytes.fromhex("100d00044d51545404020000000178")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(holds, what):
    moment = threading.Event()
    for _ in range(PATIENCE_S * 50):
        if holds():
            return
        moment.wait(0.02)
    raise AssertionError(f"waited for {what}")


def certificates(folder, *arguments):
    assert main(["certificates", str(folder), "--authority", str(AREA), *arguments]) == 0


class DeployedBroker:
    """The broker of a folder of certificates; `log` is what it said."""

    def __init__(self, command, folder, made):
        self.folder, self.made, self.port = folder, made, free_port()
        (folder / "kept").mkdir()
        text = SHIPPED.read_text()
        for shipped, here in (
            ("/etc/mosquitto/tornello", str(made / "broker")),
            ("/var/lib/mosquitto/", f"{folder / 'kept'}/"),
            ("listener 8883", f"listener {self.port} 127.0.0.1"),
        ):
            assert shipped in text
            text = text.replace(shipped, here)
        # Started by root it would become user mosquitto, who cannot read the folders of tests.
        text += f"user {pwd.getpwuid(os.geteuid()).pw_name}\n"
        (folder / "mosquitto.conf").write_text(text)
        self.log = folder / "mosquitto.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [command, "-c", str(folder / "mosquitto.conf")], stdout=log, stderr=log
            )
        until(self.answers, "mosquitto")

    def answers(self):
        assert self.process.poll() is None, self.log.read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except OSError:
            return False
        return True

    def reload(self):
        """Have it read its CRL and ACL again, as `systemctl reload mosquitto` does."""
        said = self.log.read_text().count("Reloading config.")
        self.process.send_signal(signal.SIGHUP)
        until(lambda: self.log.read_text().count("Reloading config.") > said, "reloading")

    def close(self):
        self.process.terminate()
        self.process.wait(PATIENCE_S)

    def files(self, name):
        """Return cafile, certfile, keyfile of a name."""
        place = self.made / ("ledger" if name == "ledger" else f"edges/{name}")
        kind = "ledger" if name == "ledger" else "edge"
        return place / "ca.crt", place / f"{kind}.crt", place / f"{kind}.key"

    def answer(self, context, host="127.0.0.1"):
        """Return the first byte that somebody gets who says CONNECT; b"" where he is refused."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as raw:
            try:
                line = context.wrap_socket(raw, server_hostname=host) if context else raw
                line.sendall(CONNECT)
                return line.recv(1)
            except (ssl.SSLError, ConnectionError):
                return b""

    def refuses(self, context, why):
        """Say whether a connection is refused, and for the reason that the broker's log tells."""
        before = self.log.read_text().count(why)
        refused = self.answer(context) == b""
        until(lambda: self.log.read_text().count(why) > before, why)
        return refused

    def peer(self, name, client_id=None):
        return Peer(self, name, client_id)


class Peer:
    """A client with the certificate of `name`; `got` is what came."""

    def __init__(self, broker, name, client_id):
        self.got, self.there, self.lost = [], threading.Event(), 0
        self.client = Client(CallbackAPIVersion.VERSION2, client_id=client_id or name)
        self.client.tls_set_context(client_context(*broker.files(name)))
        self.client.on_message = lambda _c, _u, m: self.got.append((m.topic, bytes(m.payload)))
        self.client.on_subscribe = lambda *_: self.there.set()
        self.client.on_disconnect = self._ended
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()

    def _ended(self, *_):
        self.lost += 1

    def listen(self, *topics):
        self.client.subscribe([(topic, 1) for topic in topics])
        assert self.there.wait(PATIENCE_S)
        return self

    def say(self, topic, payload, retain=False):
        self.client.publish(topic, payload, 1, retain).wait_for_publish(PATIENCE_S)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()
