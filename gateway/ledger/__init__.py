"""Double-entry bookkeeping as pure values: no database, network, clock or randomness."""
