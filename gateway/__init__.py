"""The gateway: checks, stores and acknowledges devices' IOUs, and settles each account's net.

Imports `protocol` and nothing else of this repository.
"""
