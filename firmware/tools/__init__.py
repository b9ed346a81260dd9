"""Tools around the firmware that run on CPython: image, provisioning, heap. Never on a board."""
