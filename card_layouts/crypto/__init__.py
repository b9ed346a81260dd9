"""AES, CMAC, key derivation and signatures, the same on both runtimes."""
