"""Which repositories the config names, on GitHub and on this machine."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct, structs

from orchestrator.records import regex
from orchestrator.records.config_file import Fault, GlobalFile, Place, RepositoryFile

SLUG = regex.late(r"[A-Za-z0-9][A-Za-z0-9_-]*/(?!\.\.?$)[A-Za-z0-9._-]+")


class Entry(Struct, frozen=True, kw_only=True):
    """A repository as the file names it, and where in the file that stands."""

    place: Place
    said: RepositoryFile
    project: str | None = None


class Address(Struct, frozen=True, kw_only=True):
    """An entry whose repository is known by name, and by checkout where one is given."""

    entry: Entry
    slug: str
    key: str | None = None
    path: str | None = None
    also: tuple[Entry, ...] = ()  # in other projects, whose boards show its issues too


def addresses(
    top: GlobalFile, entries: Sequence[Entry], here: str
) -> tuple[list[Address], list[Fault]]:
    """Every repository that may be worked on; an entry at fault is told, never guessed."""
    allowed = [absolute(path, here) for path in top.allowed_repos or ()]
    found: list[Address] = []
    faults: list[Fault] = []
    for entry in entries:
        address = located(top, entry, allowed, here)
        if isinstance(address, Fault):
            faults.append(address)
        else:
            found.append(address)
    listed = {address.slug.lower() for address in found}
    for entry in unlisted(top):
        address = located(top, entry, allowed, here)
        if isinstance(address, Fault):
            faults.append(address)
        elif address.slug.lower() not in listed:
            found.append(address)
            listed.add(address.slug.lower())
    faults += [*twice(found), *nameless(allowed, entries, found, here)]
    return [*together(found)], faults


def located(top: GlobalFile, entry: Entry, allowed: list[str], here: str) -> Address | Fault:
    said, table = entry.said, top.github_repos or {}
    slug = said.github_repo or table.get(said.key or "")
    if slug is None:
        return Fault(entry.place, "names no GitHub repository; add github_repo: owner/name")
    if "/" not in slug and top.github_owner:
        slug = f"{top.github_owner}/{slug}"
    if not SLUG.fullmatch(slug):
        place = (*entry.place, "github_repo") if said.github_repo else entry.place
        return Fault(place, f"{slug!r} is no repository on GitHub; write owner/name")
    paths = {absolute(p, here) for p in (said.path, said.local_repo, said.repo) if p}
    if len(paths) > 1:
        return Fault(entry.place, "path, local_repo and repo name different folders; keep path")
    name = slug.partition("/")[2]
    if not paths:
        paths = {path for path in allowed if posixpath.basename(path) == name}
    elif allowed and not paths & set(allowed):
        sentence = f"{min(paths)} is not in allowed_repos; add it there, or drop that list"
        return Fault(entry.place, sentence)
    keys = (key for key, value in table.items() if value in {slug, name})
    key = said.key or next(keys, None)
    path = paths.pop() if len(paths) == 1 else None
    return Address(entry=entry, slug=slug, key=key, path=path)


def unlisted(top: GlobalFile) -> Iterator[Entry]:
    """Repositories named outside any project: no board, so only the label `ready` starts work."""
    for key, slug in (top.github_repos or {}).items():
        said = RepositoryFile(github_repo=slug, key=key)
        yield Entry(place=("github_repos", key), said=said)
    if top.github_repo:
        yield Entry(place=("github_repo",), said=RepositoryFile(github_repo=top.github_repo))


def by_repository(found: Iterable[Address]) -> Iterator[list[Address]]:
    same: dict[str, list[Address]] = defaultdict(list)
    for address in found:
        same[address.slug.lower()].append(address)
    yield from same.values()


def adds_a_board(address: Address) -> bool:
    """Whether an entry only names its repository, so that another project's board shows it too."""
    said = address.entry.said
    return said == RepositoryFile(github_repo=said.github_repo)


def twice(found: Iterable[Address]) -> Iterator[Fault]:
    """Neither of two entries for one repository is obeyed: nobody can know which was meant."""
    for same in by_repository(found):
        projects = {address.entry.project for address in same}
        more = [address for address in same if not adds_a_board(address)]
        if len(projects) < len(same) or len(more) > 1:
            sentence = (
                f"{same[0].slug} stands {len(same)} times; keep one entry, or leave nothing but "
                "github_repo in the others, each in another project, whose board is then its too"
            )
            yield from (Fault(address.entry.place, sentence) for address in same)


def together(found: Iterable[Address]) -> Iterator[Address]:
    """One address for each repository: of its entries the one that says most, else the first."""
    for same in by_repository(found):
        main = next((address for address in same if not adds_a_board(address)), same[0])
        others = tuple(address.entry for address in same if address is not main)
        yield structs.replace(main, also=others) if others else main


def nameless(
    allowed: list[str], entries: Sequence[Entry], found: Iterable[Address], here: str
) -> Iterator[Fault]:
    """Allowed checkouts of which nothing says what they are called on GitHub."""
    known = {address.path for address in found}
    for said in (entry.said for entry in entries):
        known |= {absolute(p, here) for p in (said.path, said.local_repo, said.repo) if p}
    for index, path in enumerate(allowed):
        if path not in known:
            sentence = (
                f"{path} has no name on GitHub; name it under github_projects or github_repos"
            )
            yield Fault(("allowed_repos", index), sentence)


def absolute(path: str, here: str) -> str:
    return posixpath.normpath(posixpath.join(here, path))
