"""Where a run of the tests begins: what stands in the runner's place, or makes it say yes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator.records import regex
from orchestrator.records.suspicion import Suspicion
from orchestrator.rules.tamper.configs import short
from orchestrator.rules.tamper.diff import Facts, File, added, mend, reason, removed

# Python imports these by name, and what lies in the repository comes first.
SHADOWS = regex.late(
    r"(?:src/|lib/)?(?:pytest|_pytest|unittest|doctest|pluggy|coverage|nose2?|tox|nox)"
    r"(?:\.py|/.*\.py)|(?:.*/)?(?:sitecustomize|usercustomize)\.py|.*\.pth"
)
RUNS = regex.late(
    r"\b(?:pytest|py\.test|unittest|tox|nox|jest|vitest|mocha|ava|karma|playwright|cypress|rspec|"
    r"phpunit|ctest|nextest|gotestsum)\b|\b(?:go|cargo|npm|yarn|pnpm|bun|deno|mvn|gradle|gradlew|"
    r"make|swift|dotnet|mix|bazel)\b.*\btest|node\s+--test"
)
SCRIPT = regex.late(r"#!.*\b(?:ba|da|z|k)?sh\b")
RECIPES = regex.late(
    r"(?:gnu)?makefile|justfile|taskfile\.ya?ml|package\.json|tox\.ini|noxfile\.py|test\.sh|"
    r"run_tests?\.sh|check\.sh|ci\.sh|.*\.mk", re.IGNORECASE,
)
# Read by pytest before anything else, so that a new one is as telling as a changed one.
PYTEST = regex.late(r"\.?pytest\.(?:ini|toml)|tox\.ini|setup\.cfg|pyproject\.toml", re.IGNORECASE)
LEAVES_OUT = regex.late(
    r"--deselect|--ignore(?:-glob)?\b|--collect-only|--co\b|--no-summary.*-x|-p\s*no:|"
    r"(?:^|[\s\"'=\[,])-[km]\s*[\"']?\s*\(?not\b"
)
JAVASCRIPT = regex.late(
    r"(?:jest|vitest|vite|karma|playwright|cypress|ava)\.config\..*|\.mocharc.*"
)
IGNORES = regex.late(
    r"\b(?:exclude|testPathIgnorePatterns|testIgnore|ignore)\b.*(?:\.|\()(?:test|spec)\b|"
    r"passWithNoTests"
)
UNLOOKED = regex.late(r"norecursedirs.*test|addopts.*@|\bpytest11\b")
UNASSERTED = regex.late(r"\bpython[\d.]*\s+(?:-\w+\s+)*-\w*O")
PLUGIN = regex.late(r"addopts.*-p[\s\"',]*(?!no:)([A-Za-z_][\w.]*)|^\s*required_plugins\b")
ELSEWHERE = regex.late(r"^\s*[\"']?(?:testpaths|python_files)[\"']?\s*[=:]\s*(?!.*(?:test|spec))\S")
# What runs otherwise because of a variable, wherever that is set.
VARIABLES = regex.late(
    r"\b(?:PYTEST_ADDOPTS|PYTEST_PLUGINS|PYTHONSTARTUP|PYTHONOPTIMIZE)\b[\"']?\s*[:=,\]]|"
    r"\bNODE_OPTIONS\b.*(?:--require|--import|\s-r\s)|\bGOFLAGS\b.*-(?:run|skip|exec|short)\b"
)
SHRUGS = regex.late(
    r"^\.IGNORE\b|^\s*(?:export\s+)?(?:MAKEFLAGS|GNUMAKEFLAGS)\s*[+:?]?=.*(?:-[a-z]*[int]\b|"
    r"--ignore-errors|--just-print|--dry-run|--touch)|^\s*SHELL\s*[:?]?=\s*\S*(?:true|:|echo)\s*$|"
    r"^\s*commands(?:_pre|_post)?\s*=\s*-|\bsuccess_codes\s*="
)
BEFORE = regex.late(r"\"(?:pre|post)test\"\s*:")
PIPED = regex.late(r"[^|]\|\s*(?:tee|cat|grep|tail|head|sed|awk)\b")
STOPS = regex.late(r"\bset\s+-[a-z]*e|\bset\s+-o\s+errexit|-e\b.*\bsh$")
STAND_IN = regex.late(
    r"^\s*(?:runner|rustc|rustc-wrapper|rustc-workspace-wrapper|linker)\s*=|"
    r"^\s*(?:script-shell|node-options|shell-emulator)\s*="
)
STAND_IN_FILES = regex.late(r"(?:.*/)?(?:\.cargo/config(?:\.toml)?|\.npmrc)")
BENT = {
    "python": regex.late(
        r"atexit\.register\(\s*os\._exit|\bos\._exit\s*,|_pytest(?:\.\w+)+\s*=[^=]|"
        r"\bconfig\.(?:option\.\w+|args)\s*=[^=]|\bbuiltins\.\w+\s*=[^=]|\bsetattr\(\s*(?:_?pytest|builtins)\b|(?:pytest|unittest)\.(?:main|TestCase|TestResult)(?:\.\w+)*\s*=[^=]"
    ),
    "javascript": regex.late(
        r"\b(?:global|globalThis|window)\.(?:expect|assert|it|test|describe)\s*=[^=]|"
        r"process\.exit\s*=[^=]|process\.on\(\s*[\"']exit[\"'].*exitCode\s*=\s*0"
    ),
    "go": regex.late(r"^\s*(?:defer\s+)?os\.Exit\(\s*0\s*\)"),
}  # fmt: skip
ENDS_WELL = regex.late(r"\|\|\s*(?:true|:|exit\s+0)\b|^\s*exit\s+0\s*$|^\s*set\s+\+e\b")
# Run by the build before any test is: it could change tests where no diff shows it.
BUILD_SCRIPT = regex.late(r"(?:.*/)?(?:build\.rs|hatch_build\.py|binding\.gyp)")
SETUP = regex.late(r"(?:.*/)?setup\.py")
ACTS = regex.late(
    r"\b(?:cmdclass|subprocess|shutil|glob|pathlib|Path|exec|eval|urllib|__import__)\b|"
    r"\bos\.(?!path|environ)\w+|\bopen\(|\bwrite"
)
ALTERS = regex.late(
    r"remove_(?:file|dir)|\bunlink|rmtree|os\.(?:remove|rename|replace)|\brename\(|fs::(?:write|copy)|"
    r"File::create|OpenOptions|write_text|write_bytes|\bopen\(.*[\"'][wa]|set_permissions|\b(?:rm|mv|sed)\b"
)
OF_TESTS = regex.late(
    r"[\"'/](?:tests?|specs?|__tests__|benches|src)[/\"']|test_\w*\.|_tests?\.|\.(?:test|spec)\.|#\[test"
)
INSTALLS = regex.late(r"\"(?:(?:pre|post)?install|prepare|prepack)\"\s*:")
HOOKS = regex.late(r"^\s*-\s*(?:id|repo)\s*:")


def suspicions(facts: Facts) -> Iterator[Suspicion]:
    for file in facts.files:
        name, shell = file.name.lower(), _is_shell(file)
        if file.after is not None and file.before is None and SHADOWS.fullmatch(file.path):
            yield mend(file.path, 0, "test_run_bent",
                       "stands where Python looks for a runner, or for what runs before it")
        if RECIPES.fullmatch(name) or shell:
            yield from recipes(file, shell=shell)
        if PYTEST.fullmatch(name) and file.before is None:
            yield from _each(file, LEAVES_OUT, "tests_deselected", "leaves tests out")
            yield from _each(file, ELSEWHERE, "tests_deselected", "other tests are collected")
        if JAVASCRIPT.fullmatch(name) and file.before is None:
            yield from _each(file, IGNORES, "tests_deselected", "leaves tests out")
        if PYTEST.fullmatch(name):
            yield from _each(file, PLUGIN, "test_run_bent", "loads a plugin into every run")
            yield from _each(file, UNLOOKED, "test_run_bent", "decides what is run")
        if not file.path.lower().endswith((".md", ".rst", ".adoc")):
            yield from _each(file, VARIABLES, "test_run_bent", "tells the runner otherwise")
        yield from builds(file)
        if STAND_IN_FILES.fullmatch(file.path):
            yield from _each(file, STAND_IN, "test_run_bent", "another program runs the tests")
        bent = BENT.get(file.language)
        if bent and (file.is_test or file.language != "go"):
            yield from _each(file, bent, "test_run_bent", "changes what the runner reports")
        if name in {".pre-commit-config.yaml", ".pre-commit-config.yml"}:
            yield from fewer_hooks(file)


def builds(file: File) -> Iterator[Suspicion]:
    """What a build or an install runs by itself; one finding a file."""
    lines = [(number, line) for number, line in added(file) if _code(line).strip()]
    if SETUP.fullmatch(file.path):
        lines = [(number, line) for number, line in lines if ACTS.search(_code(line))]
    elif file.name == "package.json":
        lines = [(number, line) for number, line in lines if INSTALLS.search(line)]
    elif not BUILD_SCRIPT.fullmatch(file.path):
        return
    if any(OF_TESTS.search(line) for _, line in lines):
        for number, line in lines:
            if ALTERS.search(_code(line)) and "OUT_DIR" not in line:
                yield mend(file.path, number, "test_run_bent",
                           f"changes tests or code before they run: {short(line)}")
                return
    if lines:
        number, line = lines[0]
        yield reason(file.path, number, "build_script",
                     f"runs before the tests do, and could change them: {short(line)}")


def recipes(file: File, *, shell: bool) -> Iterator[Suspicion]:
    """The tests are not run any more, or how they ended is not heard."""
    lost, new = list(removed(file)), list(added(file))
    ran = [line for line in lost if RUNS.search(_code(line))]
    runs = any(RUNS.search(_code(line)) for line in (file.after or "").splitlines())
    if ran and not runs:
        yield mend(file.path, 0, "tests_deselected", f"does not run them: {short(ran[0])}")
    yield from _each(file, UNASSERTED, "failure_ignored", "assertions are left out")
    yield from _each(file, SHRUGS, "failure_ignored", "a failure does not count any more")
    if file.name.lower() == "package.json":
        yield from _each(file, BEFORE, "tests_deselected", "something runs around the tests")
    heard = "pipefail" in (file.after or "")
    for number, line in new:
        if RUNS.search(_code(line)) and PIPED.search(_code(line)) and not heard:
            yield mend(file.path, number, "failure_ignored",
                       f"a failure is lost in the pipe: {short(line)}")
    stops = any(STOPS.search(line) for line in (file.after or "").splitlines())
    if shell and not stops and any(STOPS.search(line) for line in lost):
        yield mend(file.path, 0, "failure_ignored", "a failure does not end it any more")
    if shell and not file.name.lower().endswith((".sh", ".bash", ".mk")):
        yield from _each(file, ENDS_WELL, "failure_ignored", "a failure does not count any more")


def fewer_hooks(file: File) -> Iterator[Suspicion]:
    had, has = (
        sum(HOOKS.search(line) is not None for line in (text or "").splitlines())
        for text in (file.before, file.after)
    )
    if has < had:
        find = reason if has else mend  # one tool may take the place of several
        yield find(file.path, 0, "lint_relaxed", f"runs {had - has} checks fewer")


def _each(file: File, shape: re.Pattern[str], rule: str, why: str) -> Iterator[Suspicion]:
    for number, line in added(file):
        if shape.search(_code(line)):
            yield mend(file.path, number, rule, f"{why}: {short(line)}")


def _is_shell(file: File) -> bool:
    """A script by its name, or by its first line where it has no other."""
    if file.name.lower().endswith((".sh", ".bash")):
        return True
    first = (file.after or file.before or "").partition("\n")[0]
    return "." not in file.name and SCRIPT.match(first) is not None


def _code(line: str) -> str:
    return line.split(" #", maxsplit=1)[0]
