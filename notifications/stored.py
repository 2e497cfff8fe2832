"""Sentences that are kept in English, said again in the language of who reads.

What happened is stored in the words of the moment: reasons of refusals, what became of deliveries and
exports, notices. Where a catalogue has such a sentence whole it is simply told; where names were put into
it, it is recognized by the sentence around them.
"""

from __future__ import annotations

import re
from functools import cache

from django.utils.translation import get_language, gettext_noop

from core.words import told
from logs.kinds import KINDS
from notifications.events import EVENT_OF_KIND
from permissions.catalogue import RIGHTS

# The first that fits is taken: the longer ones come first.
SENTENCES = (
    # Refusals
    gettext_noop("Sign in to {right}"),
    gettext_noop("Your role does not allow to {right}"),
    gettext_noop("The token's scopes do not allow to {right}"),
    # Deliveries and exports
    gettext_noop("The URL answered {status}."),
    gettext_noop("The URL may not be called: {why}"),
    gettext_noop("The URL could not be reached: {why}"),
    gettext_noop("The URL is longer than {most} characters."),
    gettext_noop("The URL must begin with {begins} and a host."),
    gettext_noop("The address is longer than {most} characters."),
    gettext_noop("The template could not be filled: {why}"),
    gettext_noop("Slack refused it: {why}."),
    gettext_noop("The receiver may not be called: {why}"),
    gettext_noop("The receiver did not take it: {why}"),
    gettext_noop("The file could not be written."),
    gettext_noop("The callback URL answered {status}, not 200."),
    gettext_noop("The callback URL may not be called: {why}"),
    gettext_noop("The callback URL could not be reached: {why}"),
    gettext_noop("Something went wrong ({what})."),
    gettext_noop("The mail could not be sent."),
    gettext_noop("The mail server refuses the mail."),
    gettext_noop("Nobody there has an address."),
    gettext_noop("It waits: so many mails went to that address within the hour."),
    gettext_noop("Nobody is there any more who could be told."),
    gettext_noop("What it is about is gone."),
    gettext_noop("What it is about, or who asked for it, is gone."),
    gettext_noop("What it is about is gone, or who asked for it may not read it any more."),
    gettext_noop("Its worker was lost, again and again."),
    gettext_noop("The notification is switched off."),
    gettext_noop("The secret to sign with cannot be read."),
    gettext_noop("Slack is not connected to this instance."),
    gettext_noop("Slack's answer cannot be understood."),
    # Notices
    gettext_noop("{who} invites you to the team {team} of {organization}"),
    gettext_noop("{who} invites you to {organization}"),
    gettext_noop("The notification “{name}” of {where} failed again and again and was switched off"),
    gettext_noop("1 credential expires within 1 day: {names}"),
    gettext_noop("{number} credentials expire within 1 day: {names}"),
    gettext_noop("1 credential expires within {days} days: {names}"),
    gettext_noop("{number} credentials expire within {days} days: {names}"),
    gettext_noop("A test: you will be told when {event}."),
    # What happened, with the most words of its own first
    *sorted(
        {KINDS[name].sentence for name in EVENT_OF_KIND},
        key=lambda one: -len(re.sub(r"\{\w+\}", "", one)),
    ),
)
# What a verification of the log finds: short, and so held against these alone.
FINDINGS = (
    gettext_noop("the head of the chain is gone"),
    gettext_noop("something is erased from {count} entries, and the log tells of {told}"),
    gettext_noop("seals at the end of the chain are gone"),
    gettext_noop("the head is not the last seal's hash"),
    gettext_noop("it stands where all is sealed, and is not"),
    gettext_noop("not as it was sealed"),
    gettext_noop("it holds what entry {entry} was"),
    gettext_noop("seals are gone"),
    gettext_noop("it does not follow from the seal before it"),
    gettext_noop("1 entry"),
    gettext_noop("{count} entries, {first} to {last}"),
    gettext_noop("{file} cannot be read: {error}"),
    gettext_noop("{file} is not the file that was written"),
    gettext_noop("in a file"),
    gettext_noop("in the file {file}"),
    gettext_noop("line {number} of {place}: {why}"),
    gettext_noop("the database"),
    gettext_noop("the file"),
    gettext_noop("the copy"),
    gettext_noop("signed by another key"),
    gettext_noop("its signature is wrong"),
    gettext_noop("it cannot be read"),
    gettext_noop("checkpoint {number} of {place} is not in the database"),
    gettext_noop("checkpoint {number} does not follow from the one before it"),
    gettext_noop("checkpoint {number} has the chain up to position {position}"),
    gettext_noop("not what checkpoint {number} signed: it was sealed anew from here or from before"),
    gettext_noop("namespace {number}"),
    gettext_noop("(none)"),
)
# What a file does to an organization, step by step, and what is to be known of it: held against these alone.
STEPS = (
    gettext_noop("{title}: invited already, and has not answered yet"),
    gettext_noop(
        "notifications: {number} in the file, {here} here. A file cannot make them: "
        "where they lead is a secret, and stands in none"
    ),
    gettext_noop("{who} is invited to the team {team}"),
    gettext_noop("{title}: only an owner may make or unmake owners"),
    gettext_noop("{title}: you may not change members"),
    gettext_noop("{title}: set up a second factor of your own before you ask others for one"),
    gettext_noop("{title}: only superusers change quotas"),
    gettext_noop("{title}: you may not bind teams to groups"),
    gettext_noop("default permission of {holder} on projects of {creator}"),
    gettext_noop("default permission of {holder}"),
    gettext_noop("application {name}"),
    gettext_noop("user {name} on project {project}"),
    gettext_noop("team {name} on project {project}"),
    gettext_noop("robot {name} on project {project}"),
    gettext_noop("robot {name} in team {team}"),
    gettext_noop("{name} in team {team}"),
    gettext_noop("member {name}"),
    gettext_noop("user {name}"),
    gettext_noop("team {name}"),
    gettext_noop("robot {name}"),
    gettext_noop("project {name}"),
    gettext_noop("quota {resource}"),
    gettext_noop("profile"),
    gettext_noop("settings"),
)
# What may stand inside of them and is a word of ours; everything else is a name, and stays.
OURS = frozenset({"right", "event", "role", "visibility", "state_changed", "type", "place"})
PARTS = frozenset({"title", "holder", "creator"})  # themselves steps, or like them
LONGEST = 2000  # characters; what is longer was not made here


def retold(words: str, sentences: tuple[str, ...] = SENTENCES) -> str:
    """Return a stored sentence in the language that is active; what is not known stays as it is."""
    if (get_language() or "en").startswith("en") or not words:
        return words
    whole = told(words)
    if whole != words or len(words) > LONGEST:
        return whole
    for sentence, pattern in _patterns(sentences):
        if found := pattern.fullmatch(words):
            values = {name: _value(name, value) for name, value in found.groupdict().items()}
            return told(sentence).format(**values)
    return words


def _value(name: str, value: str) -> str:
    if name == "why":  # a sentence of its own
        return retold(value)
    if name in PARTS:
        return retold(value, STEPS)
    return told(value) if name in OURS else value


@cache
def _patterns(sentences: tuple[str, ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    rights = "|".join(re.escape(right.sentence) for right in RIGHTS.values())
    found = []
    for sentence in sentences:
        parts = re.split(r"\{(\w+)\}", sentence)
        made = "".join(
            re.escape(part) if index % 2 == 0 else f"(?P<{part}>{rights if part == 'right' else '.+?'})"
            for index, part in enumerate(parts)
        )
        found.append((sentence, re.compile(made, re.DOTALL)))
    return tuple(found)
