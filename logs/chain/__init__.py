"""Sealing the log against tampering: a chain of hashes for each namespace, and who finds what was changed."""
