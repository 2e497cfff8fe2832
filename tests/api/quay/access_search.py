"""What each principal gets: the wire's description, and finding things."""

from tests.api.quay.access import Row, everybody

ROWS = [
    Row("get", "discovery", everybody(200)),
    Row("get", "discovery", everybody(200), settings={"ANONYMOUS_ACCESS": False}),
    Row("get", "discovery?internal=true", everybody(200)),
    Row("get", "find/repositories?query=web", everybody(200)),
    Row("get", "find/repositories?page=x", everybody(400)),
    Row("get", "find/all?query=web", everybody(200)),
]
