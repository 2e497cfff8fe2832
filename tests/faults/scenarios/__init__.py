"""One scenario a module: see `tests.faults`."""
