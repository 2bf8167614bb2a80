"""The rail that settles on a chain, by a contract that holds deposits in escrow."""
