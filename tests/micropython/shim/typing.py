# Names for annotations, which MicroPython passes over.
Any = None
