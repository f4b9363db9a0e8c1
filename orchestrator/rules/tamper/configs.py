"""Settings of test runners, coverage, linters and registries: what a change of them relaxes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator.records import regex
from orchestrator.records.suspicion import Suspicion
from orchestrator.rules.tamper.diff import Facts, File, added, mend, person, reason, removed

SETTINGS = regex.late(
    r"\.?pytest\.ini|tox\.ini|setup\.cfg|pyproject\.toml|\.?coveragerc|\.coveragerc|noxfile\.py|"
    r"(?:gnu)?makefile|justfile|taskfile\.ya?ml|package\.json|(?:jest|vitest|karma|mocha|playwright|"
    r"cypress|ava|c8|nyc|babel)\.config\..*|\.mocharc.*|\.nycrc.*|\.c8rc.*|cargo\.toml|"
    r"\.config/nextest\.toml|nextest\.toml|test\.sh|run_tests?\.sh|check\.sh|ci\.sh|dockerfile.*",
    re.IGNORECASE,
)
LINT = regex.late(
    r"\.?ruff\.toml|\.flake8|\.?pylintrc|\.?mypy\.ini|pyrightconfig\.json|\.bandit|\.isort\.cfg|"
    r"\.eslintrc.*|eslint\.config\..*|\.?eslintignore|tsconfig.*\.json|biome\.jsonc?|\.jshintrc|"
    r"\.golangci\.(?:ya?ml|toml|json)|\.?clippy\.toml|\.?rustfmt\.toml|deny\.toml|\.stylelintrc.*|"
    r"\.pre-commit-config\.ya?ml|\.semgrepignore|\.gitleaks\.toml|\.yamllint.*|\.prettierignore|"
    r"\.xo-config.*|setup\.cfg|pyproject\.toml|tox\.ini|package\.json|cargo\.toml",
    re.IGNORECASE,
)
DESELECTS = regex.late(
    r"--deselect|--ignore(?:-glob)?\b|(?:^|[\s\"'=])-k\s*[\"']?\s*\(?not\b|-m\s*[\"']?\s*\(?not\b|"
    r"--collect-only|--co\b|-p\s*no:|testPathIgnorePatterns|--passWithNoTests|passWithNoTests|"
    r"--testPathIgnore|--exclude\b.*test|-short\b|-run\s*[\"']?\^?\$|--no-run\b|--lib\s+--bins|"
    r"collect_ignore|xfail_strict\s*=\s*false|--runxfail=no|--forceExit|--bail=0|\btest\s*=\s*false|"
    r"-skip[\s=]|coveragePathIgnorePatterns|--allow-no-tests",
    re.IGNORECASE,
)
SHRUGS = regex.late(
    r"\|\|\s*(?:true|:|exit\s+0|echo)|;\s*(?:true|exit\s+0)\s*[\"']?,?$|^\s*exit\s+0\b|"
    r"set\s+\+e\b|"
    r"continue-on-error:\s*true|allow_failure:\s*true|ignore_errors\s*=\s*true|^\t-\s*\w|"
    r"ignore_outcome\s*=\s*true",
    re.IGNORECASE,
)
NARROWS = regex.late(
    r"^\s*\"?(testpaths|python_files|python_functions|python_classes|norecursedirs|testMatch|"
    r"testRegex|roots|spec)\"?\s*[=:]"
)
FLOOR = regex.late(
    r"(fail_under|--cov-fail-under|cov-fail-under|check-coverage|branches|functions|lines|"
    r"statements|threshold|target|minimum|min_coverage|--fail-under-lines|fail-under)\"?\s*[=: ]\s*"
    r"\"?(\d+(?:\.\d+)?)%?"
)
RELAXES = regex.late(
    r"\b(?:ignore|ignore_errors|ignore_missing_imports|disable|exclude|omit|skip|allow|per-file-"
    r"ignores|extend-ignore|extend-exclude|ignorePatterns|disable_error_code|follow_imports|"
    r"exclude_lines|exclude_also|exclude-rules|skips|lint\.ignore)\b\"?\s*(?:[=:\[]|$)|"
    r"[\"']?[@\w/-]+[\"']?\s*:\s*\[?\s*[\"']?(?:off|0)[\"']?\s*[,\]}]?|"
    r"[\"']?(?:strict|noImplicit\w+|strictNullChecks|disallow_\w+|warn_\w+|check_untyped_defs|"
    r"branch)[\"']?\s*[=:]\s*false|-D\s*warnings|=\s*\"allow\"",
    re.IGNORECASE,
)
DEMANDS = regex.late(
    r"\b(?:select|extend-select|enable|strict|disallow_\w+|warn_\w+|error|deny|forbid|"
    r"filterwarnings|xfail_strict|fail_under|noImplicit\w+|extends)\b", re.IGNORECASE,
)
WHOLE_FILE = regex.late(
    r"#\s*(?:flake8|ruff)\s*:\s*noqa\s*$|#\s*mypy\s*:\s*ignore-errors|#\s*pylint\s*:\s*skip-file|"
    r"/\*\s*eslint-disable\s*\*/|//\s*@ts-nocheck|^\s*#!\[allow\((?:warnings|clippy::all|unused)\)|"
    r"^\s*//\s*nolint\s*$|^\s*#\s*type:\s*ignore\s*$",
)
LOCKS = frozenset({
    "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock",
    "poetry.lock", "pdm.lock", "uv.lock", "pipfile.lock", "cargo.lock", "go.sum", "composer.lock",
    "gemfile.lock",
})  # fmt: skip
MANIFESTS = frozenset({
    "package.json", "pyproject.toml", "setup.py", "setup.cfg", "pipfile", "cargo.toml", "go.mod",
    "requirements.txt", "requirements.in", "gemfile", "composer.json",
})  # fmt: skip
REGISTRY_FILES = regex.late(
    r"\.npmrc|\.yarnrc(?:\.yml)?|pip\.conf|\.pypirc|uv\.toml|\.?cargo/config(?:\.toml)?|"
    r"requirements.*\.(?:txt|in)|constraints.*\.txt|pyproject\.toml|pipfile|cargo\.toml|go\.mod|"
    r"package\.json|dockerfile.*", re.IGNORECASE,
)
HOST = regex.late(r"(?:https?|git\+\w+|ssh|git)://(?:[^/@\s\"']*@)?([\w.-]+)")
USUAL_HOSTS = frozenset({
    "registry.npmjs.org", "registry.yarnpkg.com", "pypi.org", "files.pythonhosted.org",
    "proxy.golang.org", "sum.golang.org", "index.crates.io", "static.crates.io", "crates.io",
    "opencollective.com", "tidelift.com",
})  # fmt: skip
REDIRECTS = regex.late(
    r"--(?:extra-)?index-url|--find-links|--trusted-host|^\s*(?:@[\w-]+:)?registry\s*=|"
    r"npmRegistryServer|^\s*replace\s+\S+\s*=>|^\s*\[(?:source\.|registries|patch\.|replace)|"
    r"^\s*\[\[(?:tool\.(?:poetry|uv|pdm)\.(?:source|index)|source|index)\]\]|\bgit\+(?:https?|ssh)",
)


def suspicions(facts: Facts) -> Iterator[Suspicion]:
    for file in facts.files:
        name = file.name.lower()
        yield from whole_file(file)
        if name in LOCKS:
            yield from locked(file, facts)
        elif REGISTRY_FILES.fullmatch(name) or file.path.lower().endswith(".cargo/config.toml"):
            yield from redirected(file)
        if name == ".gitignore":
            yield from unseen(file)
        script = name.endswith((".sh", ".bash", ".mk"))
        if SETTINGS.fullmatch(name) or script:
            yield from run_settings(file)
        if LINT.fullmatch(name):
            yield from lint_settings(file)


def run_settings(file: File) -> Iterator[Suspicion]:
    """Fewer tests, failures that do not count, a lower floor of coverage."""
    lost = list(removed(file))
    for number, line in added(file):
        code = line.split(" #")[0]
        if file.before is not None and DESELECTS.search(code):
            if not any(DESELECTS.search(old) for old in lost):
                said = f"leaves tests out: {short(line)}"
                yield mend(file.path, number, "tests_deselected", said)
        elif SHRUGS.search(code):
            yield mend(file.path, number, "failure_ignored",
                       f"a failure does not count any more: {short(line)}")
        elif NARROWS.search(code):
            key = NARROWS.search(code)
            same = [old for old in lost if key and NARROWS.search(old) and key.group(1) in old]
            if same or (file.before is not None and "test" not in code.partition("=")[2].lower()):
                yield reason(file.path, number, "tests_deselected",
                             f"other tests are collected: {short(line)}")
        elif re.search(r"\"test\"\s*:", code):
            yield from test_script(file, number, line, lost)
    yield from floors(file, lost)


def test_script(file: File, number: int, line: str, lost: list[str]) -> Iterator[Suspicion]:
    """The `test` script of a package.json that runs nothing."""
    command = line.partition(":")[2].strip(" \",")
    if re.match(r"(?:echo|true|exit|:|node -e)\b", command):
        yield mend(file.path, number, "tests_deselected", f"the tests do nothing: {short(line)}")
    elif any(re.search(r"\"test\"\s*:", old) and not _same(old, line) for old in lost):
        said = f"tests are run otherwise: {short(line)}"
        yield reason(file.path, number, "tests_deselected", said)


def _same(old: str, line: str) -> bool:
    """Whether two lines of JSON differ in a comma at most."""
    return old.strip(" \t,") == line.strip(" \t,")


def floors(file: File, lost: list[str]) -> Iterator[Suspicion]:
    was = {key: float(value) for line in lost for key, value in FLOOR.findall(line)}
    for number, line in added(file):
        for key, value in FLOOR.findall(line):
            if key in was and float(value) < was.pop(key):
                yield mend(file.path, number, "coverage_lowered",
                           f"the floor of {key} was lowered: {short(line)}")
    for key in was:
        if "under" in key or "cov" in key:
            yield mend(file.path, 0, "coverage_lowered", f"the floor {key} is gone")


def lint_settings(file: File) -> Iterator[Suspicion]:
    """Rules switched off, files left out, demands removed."""
    if file.before is None:
        return
    pure = not SETTINGS.fullmatch(file.name.lower())
    lost = list(removed(file))
    for number, line in added(file):
        if RELAXES.search(line.split(" #")[0]) and not FLOOR.search(line):
            if pure or not any(line.split("=")[0] == old.split("=")[0] for old in lost):
                find = mend if pure else reason
                yield find(file.path, number, "lint_relaxed", f"switches rules off: {short(line)}")
                return
            yield reason(file.path, number, "lint_relaxed", f"changes the rules: {short(line)}")
            return
    gone = [line for line in lost if DEMANDS.search(line) and not RELAXES.search(line)]
    kept = [line for _, line in added(file) if DEMANDS.search(line)]
    if gone and len(kept) < len(gone):
        yield mend(file.path, 0, "lint_relaxed", f"a demand is gone: {short(gone[0])}")
    if file.after is None and pure:
        yield mend(file.path, 0, "lint_relaxed", "the settings of a checker were deleted")


def whole_file(file: File) -> Iterator[Suspicion]:
    if not file.language:
        return
    for number, line in added(file):
        if WHOLE_FILE.search(line):
            yield mend(file.path, number, "lint_relaxed", f"silences a checker: {short(line)}")


def locked(file: File, facts: Facts) -> Iterator[Suspicion]:
    """Packages from another place, another content of the same version, a lock without reason."""
    hosts = set(HOST.findall(file.before or "")) | USUAL_HOSTS
    for number, line in added(file):
        new = set(HOST.findall(line)) - hosts
        fetched = re.search(r"resolved|tarball|source|url|registry|git\+|link", line)
        if new and fetched and "funding" not in line:
            yield person(file.path, "registry_changed",
                         f"a package comes from {min(new)[:80]}", number)
            return
    if file.name == "go.sum":
        was = dict(line.rsplit(" ", 1) for line in removed(file) if " " in line)
        for number, line in added(file):
            key, _, _ = line.rpartition(" ")
            if key in was:
                yield person(file.path, "registry_changed",
                             f"the same version of {key[:80]} has another content", number)
                return
    manifest = any(one.name.lower() in MANIFESTS for one in facts.files)
    if not manifest and file.before is not None:
        yield reason(file.path, 0, "lock_without_manifest",
                     "dependencies change, and no file that asks for them does")


def redirected(file: File) -> Iterator[Suspicion]:
    lost = {line.strip() for line in removed(file)}
    for number, line in added(file):
        if REDIRECTS.search(line) and line.strip() not in lost:
            yield person(file.path, "registry_changed",
                         f"packages may come from another place: {short(line)}", number)
            return


def unseen(file: File) -> Iterator[Suspicion]:
    """Patterns that keep sources and tests out of git: they pass on one machine alone."""
    for number, line in added(file):
        pattern = line.strip()
        code = re.search(r"\.(?:py|js|ts|go|rs)$", pattern)
        folder = re.match(r"/?(?:tests?|src)/", pattern)
        if pattern and pattern[0] not in "#!" and (code or folder):
            said = f"keeps code out of git: {short(line)}"
            yield mend(file.path, number, "hidden_from_git", said)


def short(line: str) -> str:
    text = " ".join(line.split())
    return f"`{text[:80].replace('`', chr(39))}{'…' if len(text) > 80 else ''}`"
