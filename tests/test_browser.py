"""The watcher of pages itself: what a theme alone spoils is found, though the form of the page is known."""

import pytest

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html lang="en"><title>A page</title><style>
  @media (prefers-color-scheme: dark) { p { color: #eee } }
</style><main><h1>A page</h1><p>Words</p></main></html>"""


def test_what_is_wrong_in_one_theme_or_came_later_is_found(browse, transactional_db):
    visit = browse()
    visit.page.set_content(PAGE)
    visit.check("light")
    visit.page.emulate_media(color_scheme="dark")
    with pytest.raises(AssertionError, match="axe color-contrast"):
        visit.check("dark")
    visit.page.emulate_media(color_scheme="light")
    visit.check("light-again")
    visit.page.evaluate("document.querySelector('p').innerHTML = '<input>'")
    with pytest.raises(AssertionError, match="axe label"):
        visit.check("changed")
