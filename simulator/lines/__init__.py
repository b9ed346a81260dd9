"""Lines that go wrong: TCP and MQTT in between, a cable between two network namespaces."""
