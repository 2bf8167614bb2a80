"""Devices, fleets, faults and load made of software, and a broker to try them on.

Imports `firmware` and `protocol`; only `simulator.world` may import `gateway`.
"""
