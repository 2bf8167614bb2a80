# Runs one file's tests under MicroPython: each is called by the host, so that memory is swept in
# between. A failure is an exception of the call.
import builtins
import gc
import json
import sys
from pathlib import Path

import hypothesis
import pytest

if not hasattr(builtins, "vars"):
    builtins.vars = lambda thing: thing.__dict__


def load(name):
    __import__(name)
    return sys.modules[name]


def run(module, name, arguments):
    # One test: all its cases, and a few examples of each property.
    test = pytest.decorated(getattr(module, name))
    count = 0
    for case in test.cases:
        drawn = [each for each in arguments if each not in case]
        strategies = dict(test.named)
        if test.strategies:
            # As Hypothesis has it: the strategies are the last arguments'.
            strategies = dict(zip(drawn[-len(test.strategies) :], test.strategies))
        for _ in range(hypothesis.EXAMPLES if strategies else 1):
            values = dict(case)
            for each in strategies:
                values[each] = strategies[each].draw()
            patches = pytest.MonkeyPatch()
            for each in arguments:
                if each not in values:
                    values[each] = provided(module, each, patches)
            try:
                test.function(**values)
            finally:
                patches.undo()
            count += 1
    return count


def provided(module, name, patches):
    if name == "tmp_path":
        return Path(pytest.new_folder())
    if name == "monkeypatch":
        return patches
    # A fixture of the file's, of which all take a folder.
    return getattr(module, name).function(Path(pytest.new_folder()))


def main(path):
    # The unix port has no host that calls: it goes through the plan itself.
    with open(path) as file:
        plan = json.load(file)
    failed = False
    module = load(plan["module"])
    print(json.dumps({"test": "import", "ok": True}))
    for test in plan["tests"]:
        gc.collect()
        outcome = {"test": test["name"], "ok": True}
        try:
            run(module, test["name"], test["arguments"])
        except Exception as error:
            sys.print_exception(error, sys.stderr)
            outcome = {"test": test["name"], "ok": False, "error": repr(error)}
            failed = True
        print(json.dumps(outcome))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(sys.argv[1])
