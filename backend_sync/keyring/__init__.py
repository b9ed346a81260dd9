"""The keyring: keys, card numbers and signatures, in a process of their own (decision D11).

Pilot only: keys lie in a file of mode 0600 and in this process's memory. A pilot that becomes a
service puts a hardware module behind the same port (`backend_sync.ports.Keyring`).
"""
