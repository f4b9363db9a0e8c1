"""The longer texts we send, as files; a place that is not filled, or not asked for, is an error."""

from __future__ import annotations

from importlib import resources
from string import Template

from orchestrator.records.errors import AgentOSError


class TemplateError(AgentOSError):
    """A template and the values given for it do not fit; a bug of ours."""


def fill(name: str, **values: str) -> str:
    """The template `name` with each `$place` filled; raises TemplateError on a mismatch.

    Values are put in as they are: a `$` inside one is never looked at.
    """
    file = resources.files(__name__).joinpath(f"{name}.md")
    template = Template(file.read_text(encoding="utf-8"))
    places = set(template.get_identifiers())
    wrong = sorted(places ^ values.keys())
    if wrong:
        raise TemplateError(f"template {name}: {', '.join(wrong)} missing on one side")
    return template.substitute(values)
