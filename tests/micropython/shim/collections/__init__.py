from ucollections import *  # noqa: F403  MicroPython's own, beside which `abc` stands
