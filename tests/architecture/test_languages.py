"""Every text of the pages and mails stands in the catalogues, so that it can be said in every language."""

import re
from pathlib import Path

import pytest

from console.nouns import WORDS

TEMPLATES = Path(__file__).parents[2] / "templates"
# The back office is English (docs/console.md, "Languages").
ENGLISH = ("backoffice",)
# What the components look like, with sample data, for those who build pages of them.
SAMPLES = {"console/style.html", "console/style_sample.html"}
PAGES = sorted(
    path
    for path in TEMPLATES.rglob("*.*")
    if path.suffix in {".html", ".txt"} and path.relative_to(TEMPLATES).parts[0] not in ENGLISH
)

# Names, what is written the same in every language, and addresses.
SAME = re.compile(
    r"\b(?:API|CI Sense|CSV|JSON|KiB|MiB|Muster|SHA-256|Slack|UTC|YAML)\b|&\w+;|(?<!<)/[\w./-]*"
)
TOKEN = re.compile(
    r"""({%\s*comment.*?endcomment\s*%}|{%.*?%}|{{.*?}}|{\#.*?\#}|<!--.*?-->"""
    r"""|<[a-zA-Z/!](?:{%.*?%}|{{.*?}}|"(?:{%.*?%}|{{.*?}}|[^"])*"|[^>"])*>)""",
    re.DOTALL,
)
TAG = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)
COMMENT = re.compile(r"{#|<!--|{%\s*comment\b")
NO_WORDS = re.compile(r"{%\s*(?:block|extends|if|elif|load|static|url)\b")
BODY_CLASS = re.compile(r"{% block body_class %}.*?{% endblock %}")
MARKED = re.compile(r"{%\s*(blocktranslate|blocktrans)\b.*?{%\s*end\1\s*%}", re.DOTALL)
VERBATIM = re.compile(r"<(code|kbd|pre|script|style|svg)\b.*?</\1>", re.DOTALL)
# Attributes and arguments that somebody reads or hears.
READ = re.compile(r'\b(?:alt|aria-label|data-label|placeholder|title|data-[a-z-]*(?:words|label))="([^"]*)"')
ARGUMENT = re.compile(r'\b(?:action|back|heading|label|note|on|save|text|title|words)="([^"]*)"')
FIRST = re.compile(r'{%\s*(?:badge|progress|tile) "([^"]*)"')
SECOND = re.compile(r'{%\s*copyable \S+ "([^"]*)"|{%\s*(?:ago|day|moment) \S+ "([^"]*)"')
FILTER = re.compile(r'\|(?:add|default|default_if_none|pluralize|yesno):"([^"]*)"|\|(pluralize)\b')
SHAPE = re.compile(r'\|date:"([^"]*[MFDlN][^"]*)"')


def unmarked(source):
    """Return the words of a template that no catalogue can have."""
    source = VERBATIM.sub("<code></code>", MARKED.sub("{{ said }}", BODY_CLASS.sub("", source)))
    found = []
    for token in TOKEN.split(source):
        if COMMENT.match(token):
            continue
        for tag in TAG.findall(token):
            found += _of_tag(tag)
        if token.startswith("<"):
            found += [words for words in READ.findall(TAG.sub("", token)) if _is_read(words)]
        elif not TAG.match(token) and _is_read(token):
            found.append(token.strip())
    return found


def _of_tag(tag):
    """Return the literals of a template tag that a person reads."""
    words = [first or second for first, second in FILTER.findall(tag)]
    if not NO_WORDS.match(tag):
        words += ARGUMENT.findall(tag) + FIRST.findall(tag) + [a or b for a, b in SECOND.findall(tag)]
    return [one for one in words if _is_read(one) and one not in WORDS] + SHAPE.findall(tag)


def _is_read(words):
    return re.search(r"[^\W\d_]{2}", SAME.sub(" ", words)) is not None


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_a_template_says_nothing_that_cannot_be_translated(path):
    if str(path.relative_to(TEMPLATES)) not in SAMPLES:
        assert unmarked(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("<p>{% translate 'Hello' %}</p>{# aside #}<!-- aside --><code>make</code> · 5 &amp; 6", []),
        ("<p>{% blocktranslate %}Hello {{ name }}{% endblocktranslate %}, Muster!</p>", []),
        ('<input placeholder="{% translate "Name" %}" name="some words">{% card title=_("Hello") %}', []),
        ('{% badge "owner" %}{% url "console:home" %}{{ at|date:"Y-m-d" }}', []),
        ("<p>Hello <b>{{ name }}</b></p>", ["Hello"]),
        ('<b title="Good day">{{ name }}</b>', ["Good day"]),
        ('<b aria-label="Remove {{ name }}">x</b>', ["Remove "]),
        ('{% card title="Hello" %}{% include "a.html" with save="Save it" %}', ["Hello", "Save it"]),
        ('{% badge "lost in thought" "warn" %}{% copyable text "Copy it" %}', ["lost in thought", "Copy it"]),
        ('{{ number }}{{ number|pluralize }}{{ name|default:"nobody" }}', ["pluralize", "nobody"]),
        ('<td data-label="{% if a %}{{ at|date:"M j" }}{% endif %}">', ["M j"]),
        ("{% if a %}and more{% endif %}", ["and more"]),
    ],
)
def test_what_counts_as_marked(source, words):
    assert unmarked(source) == words
