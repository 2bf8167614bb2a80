"""`tallystick bench`: how many payments a second, measured against a baseline in the same run.

`loader` is the one load generator for both sides; `subjects` starts what is measured, each in a
process of its own; `baseline` is what an engineer would write in an afternoon; `cli` runs and
reports.
"""
