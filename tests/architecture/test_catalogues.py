"""Every language is whole: nothing untranslated, nothing guessed, and compiled as it is written."""

import gettext
import re
from pathlib import Path

import polib
import pytest
from django.conf import settings

CATALOGUES = [
    Path(place) / code / "LC_MESSAGES" / "django.po"
    for place in settings.LOCALE_PATHS
    for code, _ in settings.LANGUAGES
    if code != settings.LANGUAGE_CODE
]
PLACES = re.compile(r"%\(\w+\)[sd]|%[sd%]|\{[^{}]*\}|&\w+;|</?\w+")

pytestmark = pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: "-".join(path.parts[-5:-2]))


def texts(entry):
    """Return (original, translation) of an entry, of each form that it has."""
    if not entry.msgid_plural:
        return [(entry.msgid, entry.msgstr)]
    originals = [entry.msgid, *[entry.msgid_plural] * (len(entry.msgstr_plural) - 1)]
    return list(zip(originals, entry.msgstr_plural.values(), strict=True))


def test_everything_is_translated(path):
    for entry in polib.pofile(str(path)):
        assert not entry.fuzzy, entry.msgid
        assert not entry.obsolete, entry.msgid
        assert all(done.strip() for _, done in texts(entry)), entry.msgid


def test_what_is_put_in_is_put_into_the_translation_too(path):
    for entry in polib.pofile(str(path)):
        shapes = "Django's filter" in (entry.comment or "")
        for original, done in texts(entry):
            found, kept = set(PLACES.findall(original)), set(PLACES.findall(done))
            # "one entry" may leave the number out, in either language.
            assert shapes or kept <= found | _numbers(entry), entry.msgid
            assert shapes or found <= kept | _numbers(entry), entry.msgid


def _numbers(entry):
    """Return what may stand in one form of a plural alone."""
    if not entry.msgid_plural:
        return set()
    return set(PLACES.findall(entry.msgid_plural)) - set(PLACES.findall(entry.msgid))


def test_white_space_at_the_ends_is_kept(path):
    for entry in polib.pofile(str(path)):
        for original, done in texts(entry):
            for end in (slice(1), slice(-1, None)):
                assert original[end].isspace() == done[end].isspace(), entry.msgid


def test_it_is_compiled_as_it_is_written(path):
    with path.with_suffix(".mo").open("rb") as file:
        compiled = vars(gettext.GNUTranslations(file))["_catalog"]
    written: dict[object, str] = {}
    for entry in polib.pofile(str(path)):
        key = f"{entry.msgctxt}\x04{entry.msgid}" if entry.msgctxt else entry.msgid
        if entry.msgid_plural:
            written |= {(key, number): done for number, done in entry.msgstr_plural.items()}
        else:
            written[key] = entry.msgstr
    assert {key: done for key, done in compiled.items() if key} == written, "run: make messages"
