"""What the domain says, in English, and how a door says it in the language of who reads.

The domain knows no languages: its sentences go over five wires, into log entries and mails of others. It
makes them with ``say``, which gives English and remembers what they are made of. A door for people says them
again with ``told``.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext, ngettext


class Said(str):
    """English words that know the sentence and the values of which they are made."""

    sentence: str
    many: str
    number: int
    values: dict[str, Any]


def say(sentence: str, /, **values: Any) -> Said:
    """Return the sentence with its values, in English. The literal is what the catalogues translate."""
    return _said(sentence.format(**values) if values else sentence, sentence, values)


def say_many(one: str, many: str, count: int, /, **values: Any) -> Said:
    """Return one of two sentences, by the number of what they are about, which both call ``count``."""
    values["count"] = count
    said = _said((one if count == 1 else many).format(**values), one, values)
    said.many, said.number = many, count
    return said


def told(words: str) -> str:
    """Return what the domain said in the language that is active; words that no catalogue has stay."""
    if not isinstance(words, Said):
        return gettext(words) if words else ""
    sentence = ngettext(words.sentence, words.many, words.number) if words.many else gettext(words.sentence)
    if not words.values:
        return sentence
    return sentence.format(
        **{name: told(value) if isinstance(value, Said) else value for name, value in words.values.items()}
    )


def _said(words: str, sentence: str, values: dict[str, Any]) -> Said:
    said = Said(words)
    said.sentence, said.many, said.number, said.values = sentence, "", 0, values
    return said
