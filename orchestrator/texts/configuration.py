"""The words of a config.yaml: a new one, and what is put into one that a person keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from msgspec import Struct

from orchestrator.records.config import AutomationMode
from orchestrator.records.task import TaskType
from orchestrator.texts import source

LANES = "# full: green checks merge. dispatcher_only: up to the pull request, and you merge."
GRADUATE = "# To graduate after a good week: automation_mode: full"
OBJECTIVES = """\
# What each repository is for. Fill in product, outcome and metrics there and take the # away, and
# agents are told so. The rest of those files (sources, checks, scores) is for later: nothing reads
# it yet."""
SHOWN = {"backlog": "Backlog", "ready": "Ready", "in_progress": "In Progress",
         "blocked": "Blocked", "done": "Done"}  # fmt: skip


class Repository(Struct, frozen=True, kw_only=True):
    """`has_ci`: something tests its pull requests on GitHub."""

    slug: str
    test_command: str = ""
    setup_command: str = ""
    has_ci: bool = True


class Project(Struct, frozen=True, kw_only=True):
    """A board with its repositories; without a number there is no board, and labels are enough.

    `words` are the names of its statuses where they are not the usual ones.
    """

    key: str
    owner: str = ""
    number: int | None = None
    words: Mapping[str, str] = {}
    repositories: tuple[Repository, ...] = ()


class Installation(Struct, frozen=True, kw_only=True):
    """What a new config says; `objectives` are the files that were made, by repository."""

    owner: str
    lane: str
    projects: tuple[Project, ...]
    token_file: str = ""
    api_url: str = ""
    agents: tuple[str, ...] = ()
    thinkers: tuple[str, ...] = ()
    objectives: Mapping[str, str] = {}
    telegram: Mapping[str, str] = {}


class CannotExtend(Exception):
    """The file is written in a way in which nothing can be put in safely; add `lines` by hand."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


# --- a new file -------------------------------------------------------------------------------


def fresh(said: Installation, day: str) -> str:
    """A whole config.yaml, short; everything that it does not say is as the example explains."""
    lines = [
        f"# Written by bin/init.sh on {day}. example.config.yaml explains these keys and all the",
        "# others; every script tells what is wrong here, and bin/doctor.sh looks at everything.",
        f"github_owner: {scalar(said.owner)}",
    ]
    if said.token_file:
        lines.append(f"github_token_file: {scalar(said.token_file)}    # mode 0600")
    else:
        lines.append("# No token is kept here: `gh auth token` is asked for it.")
    if said.api_url:
        lines.append(f"github_api_url: {scalar(said.api_url)}")
    lines += ["", LANES]
    if said.lane != AutomationMode.FULL:
        lines.append(GRADUATE)
    lines += [f"automation_mode: {said.lane}", "", "github_projects:"]
    for project in said.projects:
        lines += of_project(project, 2, said.owner)
    if said.agents:
        lines += ["", "# Who works on what, the first one first; each tries a task once."]
        lines += ["agent_fallbacks:"]
        lines += [f"  {kind.value}: {flow(said.agents)}" for kind in TaskType]
        lines += [f"planner_agents: {flow(said.thinkers)}" if said.thinkers
                  else "format_issues: false    # none of these agents only thinks"]  # fmt: skip
    if said.telegram:
        lines += ["", *(f"{key}: {scalar(value)}" for key, value in said.telegram.items())]
    if said.objectives:
        table = ", ".join(f"{scalar(slug)}: {name}" for slug, name in said.objectives.items())
        lines += ["", OBJECTIVES]
        lines += [f"#repo_objectives: {{{table}}}"]
    return "\n".join(lines) + "\n"


def of_project(project: Project, indent: int, owner: str) -> list[str]:
    pad = " " * indent
    lines = [f"{pad}{scalar(project.key)}:"]
    if project.number is None:
        lines.append(f"{pad}  # no project_number: there is no board, the label ready is enough")
    else:
        lines.append(f"{pad}  project_number: {project.number}")
    if project.owner and project.owner != owner:
        lines.append(f"{pad}  github_owner: {scalar(project.owner)}")
    lines += [f"{pad}  {key}: {scalar(value)}" for key, value in of_words(project).items()]
    lines.append(f"{pad}  repos:")
    for repository in project.repositories:
        lines += of_repository(repository, indent + 4)
    return lines


def of_repository(repository: Repository, indent: int) -> list[str]:
    pad = " " * indent
    first, *rest = told_of(repository).items()
    lines = [f"{pad}- {first[0]}: {scalar(first[1])}"]
    lines += [f"{pad}  {key}: {scalar(value)}" for key, value in rest]
    if not repository.test_command:
        tests = "CI alone tests" if repository.has_ci else "nothing tests what is made"
        lines.append(f"{pad}  #test_command: make test    # none was found: {tests}")
    if not repository.has_ci:
        lines.append(f"{pad}  #allow_no_ci: true    # no CI was found: without it or this, nothing "
                     "is merged by itself")  # fmt: skip
    return lines


def told_of(repository: Repository) -> dict[str, str]:
    told = {"github_repo": repository.slug, "setup_command": repository.setup_command,
            "test_command": repository.test_command}  # fmt: skip
    return {key: value for key, value in told.items() if value}


def of_words(project: Project) -> dict[str, str]:
    return {f"{word}_value": said for word, said in project.words.items() if said != SHOWN[word]}


def scalar(value: str) -> str:
    """A text as YAML writes it on one line, in quotes where it needs them."""
    dumped = yaml.safe_dump([value], default_flow_style=True, width=1e9, allow_unicode=True)
    return str(dumped).rstrip("\n")[1:-1]


def flow(values: Sequence[str]) -> str:
    return f"[{', '.join(map(scalar, values))}]"


# --- a file that is there ---------------------------------------------------------------------


def extended(text: str, projects: Sequence[Project]) -> str:
    """The same file with more repositories and boards in it, and every other byte as it was.

    A project whose key is there already gets its repositories only. Raises CannotExtend.
    """
    owner = str(parsed(text).get("github_owner") or "")
    for project in projects:
        longer = added(text, project, owner)
        if longer is None or parsed(longer) != merged(parsed(text), project, owner):
            raise CannotExtend(["github_projects:", *of_project(project, 2, owner)])
        text = longer
    return text


def appended(text: str, values: Mapping[str, str]) -> str:
    """The file with these keys at its end; one that is there already stays as it is."""
    known = parsed(text)
    lines = [f"{key}: {scalar(value)}" for key, value in values.items() if key not in known]
    return ended(text) + "\n".join(lines) + "\n" if lines else text


def parsed(text: str) -> dict[str, Any]:
    told = source.parse(text)[0]
    return told if isinstance(told, dict) else {}


def ended(text: str) -> str:
    return text if text.endswith("\n") or not text else text + "\n"


def added(text: str, project: Project, owner: str) -> str | None:
    """The text with the project's part in its place; None where that is not to be found."""
    top = yaml.compose(text, Loader=yaml.CSafeLoader)
    if not isinstance(top, yaml.MappingNode) or top.flow_style:
        return None
    projects = child(top, "github_projects")
    if projects is None:
        lines = ["", "github_projects:", *of_project(project, 2, owner)]
        return ended(text) + "\n".join(lines) + "\n"
    if isinstance(projects, yaml.ScalarNode) and not projects.value:
        return after(text, projects.start_mark.line, of_project(project, 2, owner))
    if not isinstance(projects, yaml.MappingNode):
        return None
    there = child(projects, project.key)
    if there is None:
        return in_mapping(text, projects, project, owner)
    repos = child(there, "repos") if isinstance(there, yaml.MappingNode) else None
    return in_list(text, repos, project) if isinstance(repos, yaml.SequenceNode) else None


def in_mapping(text: str, node: yaml.MappingNode, project: Project, owner: str) -> str | None:
    if node.flow_style or not node.value:
        return None
    indent = node.value[0][0].start_mark.column
    return after(text, last_line(node), of_project(project, indent, owner))


def in_list(text: str, node: yaml.SequenceNode, project: Project) -> str:
    if not node.flow_style:
        indent = node.start_mark.column
        lines = [line for one in project.repositories for line in of_repository(one, indent)]
        return after(text, with_comments(text, last_line(node), indent), lines)
    entries = [
        "{" + ", ".join(f"{key}: {scalar(value)}" for key, value in told_of(one).items()) + "}"
        for one in project.repositories
    ]
    place = offset(text, node.end_mark) - 1
    before = text[:place].rstrip()
    comma = "" if not node.value or before.endswith(",") else ", "
    return before + comma + ", ".join(entries) + text[place:]


def child(node: yaml.MappingNode, key: str) -> yaml.Node | None:
    return next((value for name, value in node.value if name.value == key), None)


def last_line(node: yaml.Node) -> int:
    """The number of the last line on which something of the node stands, from 0."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return max(map(last_line, last)) if isinstance(last, tuple) else last_line(last)
    end = node.end_mark
    return int(end.line - 1 if end.column == 0 and end.line > node.start_mark.line else end.line)


def with_comments(text: str, line: int, indent: int) -> int:
    """The last of the comments that follow, further in than that: they are of what is above."""
    lines = text.split("\n")
    while line + 1 < len(lines) and (said := lines[line + 1].lstrip()).startswith("#"):
        if len(lines[line + 1]) - len(said) <= indent:
            break
        line += 1
    return line


def after(text: str, line: int, new: Sequence[str]) -> str:
    lines = text.split("\n")
    return ended("\n".join((*lines[: line + 1], *new, *lines[line + 1 :])))


def offset(text: str, mark: yaml.Mark) -> int:
    lines = text.split("\n")
    return sum(len(line) + 1 for line in lines[: mark.line]) + int(mark.column)


def merged(before: dict[str, Any], project: Project, owner: str) -> dict[str, Any]:
    """What the file must say afterwards."""
    projects = dict(before.get("github_projects") or {})
    told = [told_of(one) for one in project.repositories]
    entry = projects.get(project.key)
    if entry is not None:
        projects[project.key] = entry | {"repos": [*entry["repos"], *told]}
    else:
        board = {} if project.number is None else {"project_number": project.number}
        owned = {"github_owner": project.owner} if project.owner not in {"", owner} else {}
        projects[project.key] = board | owned | of_words(project) | {"repos": told}
    return before | {"github_projects": projects}
