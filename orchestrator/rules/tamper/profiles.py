"""How tests look in JavaScript, Go and Rust (and Python that cannot be parsed): words by line."""

from __future__ import annotations

import re

from msgspec import Struct

from orchestrator.records import regex


class Profile(Struct, frozen=True):
    """One language: where a test begins, and what its lines may be.

    `start` gives the test's name as its first group that matched; `exact` are checks that say
    much, `weak` those that say little, `always` those that cannot fail; `skip` and `maybe_skip`
    (by a condition) keep a test from counting, `only` keeps the others from it. `mock` names the
    replaced module; `stub`, `special` and `environment` are for sources.
    """

    start: re.Pattern[str]
    check: re.Pattern[str]
    exact: re.Pattern[str]
    weak: re.Pattern[str]
    always: re.Pattern[str]
    skip: re.Pattern[str]
    maybe_skip: re.Pattern[str]
    only: re.Pattern[str]
    mock: re.Pattern[str]
    stub: re.Pattern[str]
    special: re.Pattern[str]
    swallow: re.Pattern[str]
    comment: re.Pattern[str]


NEVER = r"(?!)"
JAVASCRIPT = Profile(
    start=regex.late(
        r"^\s*(?:(?:await\s+)?\w+\.)?(?:x?(?:it|test)|f?it|specify|Deno\.test|describe)"
        r"(?:\.\w+)*\s*(?:\([^'\"`]{0,40})?\(?\s*(['\"`])(?P<name>.+?)\1\s*,"
    ),
    check=regex.late(
        r"\bexpect\w*\s*\(|\bassert\w*[.(]|\bt\.(?:is|not|deepEqual|like|true|false|truthy|falsy|"
        r"throws\w*|notThrows\w*|regex|snapshot|assert|pass|fail|equal|same|ok)\s*\(|"
        r"\.should\b|\.expect\s*\(|\bshould\b\.|run_spec\(|runFormatTest\(|util\.assert"
    ),
    exact=regex.late(
        r"\.to(?:Be|Equal|StrictEqual|MatchObject|HaveLength|HaveBeenCalledWith|Match\w*Snapshot|"
        r"ThrowError|Throw|Contain|ContainEqual|Match)\(\s*[^)\s]|assert\.(?:strictEqual|deepEqual|"
        r"deepStrictEqual|equal|throws|rejects)\(|\bt\.(?:is|deepEqual|throws|equal|same)\("
    ),
    weak=regex.late(
        r"\.toBe(?:Defined|Truthy)\(\)|\.not\.toThrow\(\)|\.not\.toBe(?:Null|Undefined|Falsy)?\(|"
        r"toBeInstanceOf\(|expect\.anything\(\)|toHaveBeenCalled\(\)|assert\.ok\(|assert\(|"
        r"t\.(?:truthy|pass|notThrows)\(|typeof\s+\w+|\.not\.toEqual\("
    ),
    always=regex.late(
        r"expect\(\s*(true|false|null|undefined|\d+|'[^']*'|\"[^\"]*\")\s*\)\s*\.to(?:Be|Equal|"
        r"StrictEqual)\(\s*\1\s*\)|expect\(\s*true\s*\)\.toBeTruthy\(|assert(?:\.ok)?\(\s*(?:true|1)\s*"
        r"[,)]|\bt\.(?:true|truthy|assert)\(\s*true\s*\)|expect\((\w+)\)\.to(?:Be|Equal)\(\2\)|"
        r"t\.is\((\w+),\s*\3\)|assert\.(?:strictEqual|equal|deepEqual)\((\w+),\s*\4\s*[,)]|"
        r"expect\(.*\|\|\s*true\s*\)"
    ),
    skip=regex.late(
        r"\b(?:it|test|describe|suite|context)\.(?:skip|todo|fails|failing|fixme)\b|"
        r"\bx(?:it|test|describe)\s*\(|this\.skip\(\)|pending\(\)|t\.skip\b|test\.failing|"
        r"\bskip:\s*true"
    ),
    maybe_skip=regex.late(r"\.(?:skipIf|runIf|if)\s*\("),
    only=regex.late(r"\b(?:it|test|describe|suite|context)\.only\b|\bf(?:it|describe)\s*\("),
    mock=regex.late(r"\b(?:jest|vi)\.(?:mock|doMock)\(\s*['\"]([^'\"]+)['\"]"),
    stub=regex.late(
        r"throw\s+(?:new\s+)?\w*Error\(\s*['\"`](?:not (?:yet )?implemented|todo|unimplemented)",
        re.IGNORECASE,
    ),
    special=regex.late(
        r"NODE_ENV['\"]?\]?\s*={2,3}\s*['\"]test|['\"]test['\"]\s*={2,3}\s*process\.env|"
        r"JEST_WORKER_ID|process\.env\.VITEST|import\.meta\.vitest|process\.env\.(?:CI|TEST)\b|"
        r"typeof\s+(?:jest|describe|it|vi|test)\b|process\.argv.*(?:jest|mocha|vitest|test)|"
        r"GITHUB_ACTIONS"
    ),
    swallow=regex.late(r"catch\s*(?:\([^)]*\))?\s*\{\s*\}|\.catch\(\s*\(\w*\)\s*=>\s*(?:\{\s*\}|"
                       r"null|undefined)\s*\)"),  # fmt: skip
    comment=regex.late(r"^\s*(?://|\*|/\*)"),
)
GO = Profile(
    start=regex.late(r"^func\s+(?:\([^)]*\)\s*)?(?P<name>(?:Test|Benchmark|Fuzz|Example)\w*)\s*\("),
    check=regex.late(
        r"\b\w+\.(?:Error|Errorf|Fatal|Fatalf|Fail|FailNow)\(|\b(?:assert|require|is|qt|should|c)\."
        r"[A-Z]\w*\(|\bassert\w*\(|\bcheck\w*\(|// Output:"
    ),
    exact=regex.late(r"\b(?:assert|require)\.(?:Equal\w*|Exactly|JSONEq|ErrorIs|EqualError|Len|"
                     r"ElementsMatch|Same)\("),  # fmt: skip
    weak=regex.late(r"\b(?:assert|require)\.(?:NotNil|NotEmpty|NoError|True|NotPanics|NotZero|"
                    r"NotEqual|IsType)\("),  # fmt: skip
    always=regex.late(
        r"\b(?:assert|require)\.True\(\s*t,\s*true\b|\b(?:assert|require)\.(?:Equal|Exactly)\(\s*t,"
        r"\s*([\w\"]+),\s*\1\s*[,)]|\b(?:assert|require)\.(?:Equal|Exactly)\(\s*t,\s*(\d+),\s*\2\b"
    ),
    skip=regex.late(r"^\s*\w+\.(?:Skip|Skipf|SkipNow)\(|^//go:build\s+(?:ignore|never|disabled)|"
                    r"^// \+build\s+ignore"),  # fmt: skip
    maybe_skip=regex.late(r"testing\.Short\(\)"),
    only=regex.late(NEVER),
    mock=regex.late(NEVER),
    stub=regex.late(
        r"panic\(\s*\"(?:not (?:yet )?implemented|todo|unimplemented)|"
        r"errors\.New\(\"(?:not (?:yet )?implemented|todo)",
        re.IGNORECASE,
    ),
    special=regex.late(
        r"flag\.Lookup\(\"test\.|testing\.Testing\(\)|os\.Args.*\.test|HasSuffix\(os\.Args|"
        r"Getenv\(\"(?:CI|GO_TEST|TESTING|GITHUB_ACTIONS)\"\)"
    ),
    swallow=regex.late(r"defer\s+func\(\)\s*\{\s*(?:_\s*=\s*)?recover\(\)\s*\}"),
    comment=regex.late(r"^\s*//"),
)
RUST = Profile(
    start=regex.late(
        r"^\s*(?:pub\s+)?(?:async\s+)?fn\s+(?P<name>\w+)|^\s*rgtest!\(\s*(?P<name2>\w+)"
    ),
    check=regex.late(
        r"\b\w*assert\w*!?\s*\(|\bpanic!|\beqnice!|\.assert\w*\(|\bcheck\w*\(|\bexpect_\w+\(|"
        r"\bte\.\w+\("
    ),
    exact=regex.late(r"\bassert_eq!\(|\beqnice!\(|assert_matches!\("),
    weak=regex.late(r"\bassert!\(.*\.is_(?:ok|some|err|none)\(\)|\bassert!\(\s*!.*is_empty\(\)|"
                    r"\bassert_ne!\("),  # fmt: skip
    always=regex.late(r"\bassert!\(\s*true\b|\bassert_eq!\(\s*(\w+),\s*\1\s*[,)]|"
                      r"\bassert!\(.*\|\|\s*true\s*\)"),  # fmt: skip
    skip=regex.late(r"^\s*#\[ignore\b|#\[cfg\(any\(\)\)\]|#\[cfg\(FALSE\)\]"),
    maybe_skip=regex.late(r"#\[cfg_attr\(.*ignore"),
    only=regex.late(NEVER),
    mock=regex.late(NEVER),
    stub=regex.late(
        r"\b(?:todo|unimplemented)!\s*\(|panic!\(\s*\"(?:not (?:yet )?implemented|todo)",
        re.IGNORECASE,
    ),
    special=regex.late(r"\bcfg!\(test\)|env::var\w*\(\"(?:CI|NEXTEST|CARGO_TARGET_TMPDIR|"
                       r"GITHUB_ACTIONS|RUST_TEST)|#\[cfg\(not\(test\)\)\]"),  # fmt: skip
    swallow=regex.late(r"catch_unwind\("),
    comment=regex.late(r"^\s*//"),
)
PYTHON = Profile(
    start=regex.late(r"^\s*(?:async\s+)?def\s+(?P<name>test\w*)"),
    check=regex.late(r"^\s*assert\b|\bself\.(?:assert|fail)\w*\(|\braises\("),
    exact=regex.late(r"^\s*assert\b.*==|assertEqual"),
    weak=regex.late(r"^\s*assert\s+\w+\s*$|is not None|isinstance"),
    always=regex.late(r"^\s*assert\s+(?:True|1)\b"),
    skip=regex.late(
        r"\bpytest\.(?:mark\.)?(?:skip|xfail)\b(?!if)|unittest\.skip\b|expectedFailure"
    ),
    maybe_skip=regex.late(r"skipif|skipIf|skipUnless"),
    only=regex.late(NEVER),
    mock=regex.late(NEVER),
    stub=regex.late(r"raise\s+NotImplementedError"),
    special=regex.late(
        r"PYTEST_CURRENT_TEST|PYTEST_VERSION|PYTEST_XDIST|['\"](?:pytest|unittest|nose|_pytest)['\"]"
        r"\s+(?:not\s+)?in\s+(?:sys\.(?:modules|argv)|\w+)|sys\.modules.*(?:pytest|unittest)|"
        r"sys\.argv.*(?:test)|['\"]\w*test\w*['\"]\s+in\b.*sys\.argv|environ.*['\"](?:CI|TESTING|TEST_MODE|GITHUB_ACTIONS|PYTEST)['\"]|"
        r"getenv\(['\"](?:CI|TESTING|TEST_MODE|GITHUB_ACTIONS)['\"]|inspect\.stack\(\).*test|"
        r"test.*(?:inspect\.stack|sys\._getframe|extract_stack)\(|"
        r"(?:open|Path|read_text)\(\s*['\"](?:[^'\"]*/)?(?:tests?/|test_)|"
        r"_called_from_test|startswith\(['\"]test_['\"]\)"
    ),
    swallow=regex.late(NEVER),
    comment=regex.late(r"^\s*#"),
)
PROFILES = {"javascript": JAVASCRIPT, "go": GO, "rust": RUST, "python": PYTHON}
