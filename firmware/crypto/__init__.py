"""The device's cryptography where the platform has none: SHA-512, Ed25519 and X25519.

What may live here: pure functions over bytes that agree bit for bit with the RFCs and with
libsodium. No keys at rest, no randomness, no protocol. Big-integer Python is not constant in time:
whoever can time a device's signatures finely can also read its flash, so a device's key is treated
as revocable and worth no more than its capacity.
"""
