"""The application on the board, and its building blocks.

What may live here: what a device does, on MicroPython and on CPython with the same files. Imports
are `protocol`, this package, and the modules that both runtimes have; everything of one board is
in that board's file and nowhere else.
"""
