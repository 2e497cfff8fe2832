"""The fault suite: real processes, real servers, and what goes wrong with them. ``make faults`` runs it.

Each scenario is a module of ``scenarios``: its docstring says what happens, ``SHORT`` is the scale of the
version that the tests play, and ``play(ground, scale)`` does it and returns its figure in words, or raises
`AssertionError` when something was lost, or doubled beyond what is promised. ``SWITCHES``, a literal, are
settings for all its processes. It runs in a process of its own, with Django set up on a PostgreSQL and a
Redis that are its alone (`ground.Ground`), so that it may stop them.

A scenario is added by adding its module.
"""
