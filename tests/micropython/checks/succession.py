# Another key follows the gateway's, on a device under MicroPython, with the firmware's own
# cryptography: taken over from the journal on, key by key, and from nobody else.
from firmware.crypto import ed25519, x25519
from firmware.device import Device
from firmware.identity import identity_of
from firmware.journal import Journal
from firmware.record import Record
from protocol import envelope, mac, messages
from protocol.pricing import Tariff

DEVICE_SEED = bytes(range(1, 33))
SEEDS = [bytes((number,)) * 32 for number in (3, 4, 5)]
KEYS = [ed25519.SigningKey(seed) for seed in SEEDS]
STRANGER = ed25519.SigningKey(bytes((9,)) * 32)
PUBLIC = ed25519.SigningKey(DEVICE_SEED).public_key
MACS = [
    mac.channel_mac_key(x25519.shared_secret(seed, PUBLIC), PUBLIC, key.public_key)
    for seed, key in zip(SEEDS, KEYS)  # noqa: B905 - MicroPython's zip has no strict
]


class Slots:
    def __init__(self):
        self.slots = [b"", b""]

    def read(self, slot):
        return self.slots[slot]

    def write(self, slot, data):
        self.slots[slot] = data


def boot(slots, given=0):
    identity = identity_of(DEVICE_SEED, KEYS[given].public_key)
    return Device(identity, Journal(slots), lambda size: bytes(size), "W.h", 1, 10**7)


def word(by, to):
    payload = messages.Successor(to.public_key, 1000).payload()
    return envelope.sign1("successor", payload, by.sign)


def greeted(said, number):
    # The hello among what is said is sealed for this key.
    (hello,) = [message for kind, message in said if kind == "hello"]
    return messages.read_hello(envelope.open_mac0("hello", hello, MACS[number])).nonce


def resume(device, nonce, number):
    payload = messages.Resume(nonce, []).payload()
    return device.on_message("resume", envelope.mac0("resume", payload, MACS[number]), 0)


slots = Slots()
device = boot(slots)
resume(device, greeted(device.on_connected(0), 0), 0)
offer = messages.Offer(
    Tariff("W.h", 300, 1, "EUR"), KEYS[0].public_key, KEYS[0].public_key, 10**7, 50, 86_400, 1000
)
said = device.on_message("offer", envelope.sign1("offer", offer.payload(), KEYS[0].sign), 0)
assert [kind for kind, _ in said] == ["open"]
(channel,) = device.channels
opened = messages.Opened(channel.id, 1000, 50, 0).payload()
device.on_message("opened", envelope.sign1("opened", opened, KEYS[0].sign), 0)

# What proves nothing changes nothing.
for forged in (word(STRANGER, STRANGER), word(KEYS[1], KEYS[2]), word(KEYS[0], KEYS[0]), b""):
    before = list(slots.slots)
    assert device.on_message("successor", forged, 0) == []
    assert slots.slots == before
    assert device.gateway_key == KEYS[0].public_key

# Key by key, each in the journal before the device greets under it.
for number in (1, 2):
    said = device.on_message("successor", word(KEYS[number - 1], KEYS[number]), 0)
    assert Record(Journal(slots)).keys[-1] == KEYS[number].public_key
    resume(device, greeted(said, number), number)

# The channel goes on under the key in its terms, after a reset too.
device = boot(slots)
assert device.gateway_key == KEYS[2].public_key
nonce = greeted(device.on_connected(0), 2)
(channel,) = device.channels
known = [messages.Resumed(channel.open_message, channel.iou, 50, 0)]
payload = messages.Resume(nonce, known).payload()
device.on_message("resume", envelope.mac0("resume", payload, MACS[2]), 0)
(channel,) = device.channels
said = device.on_meter(1, 0)
assert [kind for kind, _ in said] == ["iou"], said
ack = messages.Ack(channel.id, 300, 1, 60, 0).payload()
device.on_message("ack", envelope.mac0("ack", ack, MACS[1]), 0)
assert not channel.is_settled()
device.on_message("ack", envelope.mac0("ack", ack, MACS[0]), 0)
assert channel.is_settled()

# Another key in the settings, that did not follow: all that followed is forgotten.
given = STRANGER.public_key
identity = identity_of(DEVICE_SEED, given)
fresh = Device(identity, Journal(slots), lambda size: bytes(size), "W.h", 1, 10**7)
assert fresh.gateway_key == given
print("OK")
