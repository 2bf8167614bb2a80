# What the gateway's keys do, by the firmware's own cryptography: MicroPython has no libsodium.
from firmware.crypto import ed25519, x25519
from protocol import envelope, mac

verify = ed25519.verify


class BadPublicKey(ValueError):
    pass


def check_public_key(public_key):
    x25519.shared_secret(bytes(32), public_key)
    return public_key


class GatewayKeys:
    def __init__(self, seed):
        self._seed = seed
        key = ed25519.SigningKey(seed)
        self.public = key.public_key
        self.sign = key.sign

    def sign1(self, kind, payload):
        return envelope.sign1(kind, payload, self.sign)

    def mac_key(self, device_key):
        shared = x25519.shared_secret(self._seed, device_key)
        return mac.channel_mac_key(shared, device_key, self.public)
