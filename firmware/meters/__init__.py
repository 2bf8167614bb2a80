"""Meters that are more than a contact: one file for each kind, and what they have in common."""
