"""What people write in Markdown shows, and does nothing else."""

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.prose import plain, rendered

TAGS = {"p", "br", "hr", "em", "strong", "s", "code", "pre", "a", "ul", "ol", "li", "blockquote"}
TAGS |= {"table", "thead", "tbody", "tr", "th", "td", "h3", "h4", "h5", "h6"}
ATTRIBUTES = {"a": {"href", "rel", "title"}, "code": {"class"}, "ol": {"start"}}


class Reader(HTMLParser):
    """Collect what a browser would make of HTML."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def tame(html):
    for tag, attributes in Reader(html).found:
        assert tag in TAGS, html
        assert attributes.keys() <= ATTRIBUTES.get(tag, set()), html
        href = attributes.get("href", "").strip().lower()
        assert not href.startswith(("javascript:", "vbscript:", "data:", "file:")), html
        assert tag != "a" or "noopener" in attributes["rel"], html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**Bold** and `code`", "<p><strong>Bold</strong> and <code>code</code></p>\n"),
        ("# Title", "<h3>Title</h3>\n"),
        ("###### Deep", "<h6>Deep</h6>\n"),
        ("~~gone~~", "<p><s>gone</s></p>\n"),
        ("![logo](https://x.test/a.png)", "https://x.test/a.png"),
        ("| a |\n|:-:|\n| b |", "<td>b</td>"),
        ("", ""),
    ],
)
def test_markdown_shows(text, html):
    assert html in rendered(text)
    assert "<img" not in rendered(text)
    tame(rendered(text))


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '<img src=x onerror="alert(1)">',
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](java\nscript:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](vbscript:x) [y](file:///etc/passwd) [z](data:text/html,<b>)",
        "![x](data:image/png;base64,AAAA)",
        '![x" onerror="alert(1)](https://x.test/"onerror=alert(1))',
        "[![x](https://a.test/b.png)](https://c.test)",
        '[x](https://a.test "t\\" onclick=\\"alert(1)")',
        "<https://a.test/><javascript:alert(1)>",
        "[a]: javascript:alert(1)\n\n[a]",
        '```"><script>\nx\n```',
        "|a|\n|:-:|\n|<style>*{}</style>|",
        ">" * 5000,
        "*" * 9999,
        "[" * 9999,
        "- " * 4000,
        "\x00\u202e</p><p style=x>",
    ],
)
def test_hostile_markdown_is_tame(text):
    tame(rendered(text))
    assert len(plain(text)) <= len(text)


@settings(max_examples=300)
@given(st.text("<>[]()!`*_~|#-\\\"'&:;/ =\nabjs01", max_size=120))
def test_whatever_is_written_is_tame(text):
    tame(rendered(text))


def test_lists_show_its_words():
    assert plain("# Web\n\nThe *public* site, see [docs](https://x.test).\n\n- fast") == (
        "Web The public site, see docs. fast"
    )
