"""The installation's own certificate authority, for TLS: certificates made, kept and revoked.

Money does not depend on it: what counts there is signed with Ed25519 keys that no certificate
names.
"""
