"""How fast Muster answers, and at what cost, beside two small programs that answer the same: ``make bench``.

``python -m bench`` starts a PostgreSQL and a Redis of its own, fills a fixed world (`world`), serves it three
times over with gunicorn (the product, `plain`, `raw`), and asks all three the same calls in turns (`cases`).
What counts is CPU time for a request, as /proc tells it of every process behind an answer, and its ratio to
the references in the same run: a busy machine spoils seconds, hardly that.
"""
