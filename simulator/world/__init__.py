"""The deterministic world: one seed, one thread, virtual time.

The firmware's and the gateway's real code, with everything around them simulated: flash, network,
broker, operator, rail, clocks and power. What happens is a story, a list of operations that is
plain data; the same story always gives the same trace. What must hold is not decided here but by
the oracle, which shares no code with the gateway.
"""
