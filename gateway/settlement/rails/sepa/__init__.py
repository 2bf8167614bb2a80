"""The SEPA rail: credit transfers and direct debits in euro, as ISO 20022 files for the bank."""
