"""Files from banks: what happened to payments, and what came and went on the operator's account.

Readers alone: from bytes to values, or one error that names line and element. What is done with
them is decided in `gateway.operations.bank`.
"""
