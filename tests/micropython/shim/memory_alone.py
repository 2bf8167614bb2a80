# The steps of memory.py in one run, for an interpreter that sweeps when it is told to, as a board's
# does: `MICROPYPATH=.:.frozen micropython -X heapsize=4M memory_alone.py`, in this folder.
import gc
import json

import memory

STEPS = ["image", "before", "load", "loaded", "load_gateway", "before_start", "start_metering"]

for step in STEPS + ["pay_and_sweep", "at_work"] * 10:
    getattr(memory, step)()
    gc.collect()
memory.found["in_all"] = memory.found["loaded"] + memory.found["at_work"]
print(json.dumps(memory.found))
