"""What handlers say of themselves: kept on the function, read by whatever describes a wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Handler = TypeVar("Handler", bound="Callable[..., Any]")
METHODS = ("get", "post", "put", "delete", "patch")


@dataclass(frozen=True)
class Query:
    """A parameter of the query string."""

    name: str
    about: str
    type: Literal["string", "boolean", "integer"] = "string"
    default: str | bool | int | None = None
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    required: bool = False


def declared(one: object) -> Callable[[Handler], Handler]:
    """Return a decorator that adds an operation to what a handler says."""

    def declare(handler: Handler) -> Handler:
        known = getattr(handler, "operations", ())
        handler.operations = (one, *known)  # type: ignore[attr-defined]
        return handler

    return declare


def told(view: type, method: str) -> Sequence[Any]:
    """Return what the handler of a method says of itself; nothing where it says nothing."""
    found: Sequence[Any] = getattr(getattr(view, method, None), "operations", ())
    return found


def handled(view: type) -> Iterator[str]:
    """Yield the methods that a view serves."""
    return (method for method in METHODS if getattr(view, method, None) is not None)
