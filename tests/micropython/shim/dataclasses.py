# The host has given each dataclass its __init__ already (see ../translate.py).
dataclass = None
