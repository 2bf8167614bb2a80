"""The gateway's database: tables, migrations, and queries by purpose.

No rule of money is decided here; what a database can hold as a constraint, it holds.
"""
