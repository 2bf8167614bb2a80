"""What an operator can do, each as one function that the API and the command line share.

A use case checks its input, does its work in one transaction, and notes the decision in the same
transaction, so that the ingest worker reads anew. No HTTP and no terminal in here.
"""
