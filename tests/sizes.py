"""How much a campaign test does: little in each run, more when asked.

`make test` runs every campaign at its small size. `make campaign` sets CAMPAIGN=1 and runs the same
tests at their large one; a single size is set by its own name, as CAMPAIGN_SEEDS=2000 does.
"""

import os


def size(name: str, usual: int, campaign: int) -> int:
    """How many `name` to do: CAMPAIGN_<NAME> if set, else `campaign` if CAMPAIGN is, else `usual`.

    Raises ValueError if the variable is no positive integer.
    """
    variable = f"CAMPAIGN_{name.upper()}"
    wanted = os.environ.get(variable)
    if wanted is None:
        return campaign if os.environ.get("CAMPAIGN") else usual
    number = int(wanted) if wanted.isdecimal() else 0
    if number < 1:
        raise ValueError(f"{variable} is {wanted!r}; it takes a positive integer")
    return number
