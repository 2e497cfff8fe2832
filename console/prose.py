"""What people write in Markdown, as HTML that does nothing but show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.token import Token

HEADINGS_FROM = 3  # below the headings of the page and of its cards
FOREIGN = "nofollow noopener noreferrer ugc"
LENGTH_MAX = 10_000
# Nesting is cut short: deep lists and quotes cost more than they say.
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "maxNesting": 12}).enable(["table", "strikethrough"])


def rendered(text: str) -> SafeString:
    """Return Markdown as HTML: no markup of the writer's own, no pictures, links that vouch for nobody.

    A picture becomes a link to it: pages ask no other hosts. Of more than 10,000 letters the first are shown.
    """
    tokens = _MARKDOWN.parse(text[:LENGTH_MAX])
    _tame(tokens)
    html: str = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return mark_safe(html)  # noqa: S308 - the renderer escapes, and makes no markup but Markdown's


def _tame(tokens: Sequence[Token]) -> None:
    inside = 0
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + HEADINGS_FROM - 1, 6)}"
        elif token.type == "link_open":
            token.attrSet("rel", FOREIGN)
        elif token.type == "image":
            _name(token, is_linked=bool(inside))
        elif token.type in ("td_open", "th_open"):
            # Alignment comes as an inline style, which the policy of the pages refuses.
            token.attrs.pop("style", None)
        inside += {"link_open": 1, "link_close": -1}.get(token.type, 0)
        _tame(token.children or ())


def _name(token: Token, *, is_linked: bool) -> None:
    """Turn a picture into the words that stand for it, linked where its address is one that may be."""
    source, words = str(token.attrGet("src") or ""), escape(token.content or "picture")
    token.type, token.tag, token.children, token.content = "html_inline", "", [], words
    if not is_linked and source and not source.lower().startswith("data:"):
        token.content = f'<a href="{escape(source)}" rel="{FOREIGN}">{words}</a>'


def plain(text: str) -> str:
    """Return the words of Markdown without its signs, for a line in a list."""
    found: list[str] = []
    for token in _MARKDOWN.parse(text[:LENGTH_MAX]):
        found += [_words(child) for child in token.children or ()]
        if token.type in ("fence", "code_block"):
            found.append(token.content)
        found.append(" ")
    return " ".join("".join(found).split())


def _words(token: Any) -> str:
    return " " if token.type in ("softbreak", "hardbreak") else str(token.content)
