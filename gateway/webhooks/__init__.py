"""Telling other programs what happened: to where events may be sent, how they are signed, and
delivering them at least once.
"""
