"""The device's cryptography where the platform has none: SHA-512, Ed25519 and X25519.

What may live here: pure functions over bytes that agree bit for bit with the RFCs and with
libsodium. No keys at rest, no randomness, no protocol.

What takes a time that depends on secrets, and what is done about it:

- A multiple of the base point is always the same 32 doublings and 64 additions, whatever the
  scalar. A board gives its random source to the signing key, and every multiple then starts from
  other coordinates of the neutral element: no number on the way, nor the time it takes, nor the
  number that Euclid inverts at the end, has anything to do with the scalar.
- Which entries of the table are read does depend on the scalar. A chip that runs from internal
  memory takes the same time for each; one that keeps its heap in cached external memory may not.
- Reduction modulo L and the product of challenge and secret are single operations on big integers
  of one length, whose time varies a little with their digits. They are not blinded.
- SHA-512 in machine code has no branch and no index that depends on data. In plain Python, numbers
  have as many digits as their value needs, which can show in the time.
- X25519 runs once at start, with branches on the secret scalar's bits.

So whoever can time a device's signatures finely, or measure its power, may still come to its key;
so can whoever holds the board, whose flash is readable. A device's key is treated as revocable and
worth no more than its capacity.
"""
