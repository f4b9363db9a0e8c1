"""Redaction: `python -m tests.bench.redaction [CASES] [FOLDER ...] [--seed N] [--only own|speed]`.

Recall on our own secrets: CASES (100,000) texts of `tests.support.leaks`, drawn from a seed, each
of a code and up to two layouts in any order that tears no escape for good; a case is lost where
six characters' worth of the secret or more come out. Recall on
providers' tokens: each form of `tests.support.tokens` thirty times, in each setting. False
positives: what is hidden, of a million lines at most, in the sources of this repository and its
history without its tests, the standard library, the installed packages, recorded outputs given
as further arguments, and made-up lines of lock files, logs of CI and sums of files.

Beside it detect-secrets, where it is installed, with its default plugins: on the same tokens and on
a sample of the same lines. On the day of writing: ours 100 % of 4,830 tokens, 0.22 false positives
in 1,000 of a million lines (most of them examples of keys in the documents of a cloud), 6 MB/s;
detect-secrets 1.5.0: 39 % of the same tokens, 40 in 1,000 lines, 0.12 MB/s, 0.15 s to load. It
tells of lines and not of places besides, so the patterns are ours.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from orchestrator.texts.redact import MARK, Redactor
from tests.support import leaks, tokens

ROOT = Path(__file__).resolve().parents[2]
CASES, LINES, SAMPLE, TIMES = 100_000, 1_000_000, 20_000, 30
SEED = 1000
LOST = 6  # characters' worth
MADE = (
    '      "integrity": "sha512-<b86>==",', '"resolved": "https://registry.npmjs.org/x/-/x-1.tgz#<h40>"',
    "github.com/a/b v1.2.3 h1:<b43>=", 'checksum = "<h64>"', "    --hash=sha256:<h64> \\",
    'url = "https://files.pythonhosted.org/packages/<h2>/<h2>/<h60>/x-1-py3-none-any.whl"',
    "commit <h40>", "index <h7>..<h7> 100644", "<h64>  dist/app.tar.gz", "sha256:<h64>",
    "Cache restored from key: Linux-pip-<h64>", "key: v2-deps-{{{{ checksum \"a\" }}}}-<h16>",
    "request_id=<h8>-<h4>-4<h3>-a<h3>-<h12>", "token_count=<d4> cached_tokens=<d5>",
    '<img src="data:image/png;base64,<b200>">', "trace <h32> span <h16>", "etag: W/\"<h32>\"",
    "PASSED tests/test_<a8>.py::test_<a12>",
    "  Downloading x-<d1>.<d2>-cp311-manylinux.whl (<d3> kB)",
    "ssh-rsa <b372>", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI<b43>", "SHA256:<b43>",
    "<d10>:<d2>:<d2> UTC", "PublicKeyToken=<h16>", 'session_id: "<h8>-<h4>-7<h3>-b<h3>-<h12>"',
    "max_tokens: <d5>, tokenizer: cl100k_base, secret_name: my-app-secrets-v2",
)  # fmt: skip


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.redaction")
    parser.add_argument("cases", nargs="?", type=int, default=CASES)
    parser.add_argument("folders", nargs="*")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", choices=("own", "speed"))
    told_to = parser.parse_args(arguments)
    if told_to.only != "speed":
        own(told_to.cases, told_to.seed)
    if told_to.only != "own":
        large()
    if told_to.only:
        return 0
    samples = list(provider_tokens())
    ours = Redactor([])
    told("ours", samples, lambda text, parts: not any(part in ours(text) for part in parts))
    lines = list(ordinary(told_to.folders))
    false_positives("ours", lines, lambda line: MARK in ours(line))
    speed(lines)
    theirs(samples, lines)
    return 0


def own(count: int, seed: int) -> None:
    """Our own secrets in every way."""
    redactor = cache(lambda value: Redactor([value]))
    lost: Counter[str] = Counter()
    worst = 0.0
    for number, case in enumerate(leaks.cases(seed, count)):
        if number % 400 == 0:
            redactor.cache_clear()  # the values are others from here on
        shown = leaks.told(case, redactor(case.value)(case.text), MARK)
        worst = max(worst, shown)
        lost[f"{case.code} {case.layouts}"] += shown >= LOST
    missed = lost.total()
    print(f"own secrets, seed {seed}: {count - missed} of {count} "
          f"({100 - 100 * missed / count:.3f} %), at most {worst:.1f} characters of one came out",
          flush=True)  # fmt: skip
    for way, number in (+lost).most_common(30):
        print(f"  lost {number}: {way}")


def provider_tokens() -> Iterator[tuple[str, str, list[str]]]:
    """Shape, text with a token, and the parts of it that must not come out."""
    chance = random.Random(16)
    for name, forms in tokens.FORMS.items():
        for form in forms:
            for number in range(TIMES):
                token = tokens.made(form, chance)
                setting = tokens.SETTINGS[number % len(tokens.SETTINGS)]
                yield name, setting.format(token), tokens.secret_parts(form, token)


def told(
    who: str, samples: list[tuple[str, str, list[str]]], hides: Callable[[str, list[str]], bool]
) -> None:
    missed = Counter(name for name, text, parts in samples if not hides(text, parts))
    found = len(samples) - missed.total()
    share = 100 * found / len(samples)
    print(f"{who}: {found} of {len(samples)} providers' tokens ({share:.2f} %)")
    if missed:
        print("  missed:", ", ".join(f"{name} {number}" for name, number in missed.most_common()))


def ordinary(recorded: list[str]) -> Iterator[str]:
    """Lines without a secret, as real as a machine has them."""
    chance = random.Random(17)
    yield from (tokens.made(form, chance) for form in MADE for _ in range(400))
    log = ["git", "-C", str(ROOT), "log", "-p", "-n", "400", "--", "orchestrator", "bin"]
    yield from subprocess.run(
        log, capture_output=True, text=True, errors="replace", check=True
    ).stdout.splitlines()
    folders = [ROOT / "orchestrator", *map(Path, recorded), Path(sysconfig.get_path("stdlib")),
               Path(sysconfig.get_path("purelib"))]  # fmt: skip
    left = LINES
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if left > 0 and path.is_file() and path.suffix in {
                ".py", ".out", ".err", ".json", ".txt", ".toml", ".cfg", ".md", "", ".h",
            } and not {"test", "tests"}.intersection(path.parts):  # fmt: skip
                lines = path.read_bytes()[:400_000].decode("utf-8", "replace").splitlines()
                left -= len(lines)
                yield from lines


def false_positives(who: str, lines: list[str], hides: Callable[[str], bool]) -> None:
    hit = [line for line in lines if hides(line)]
    print(f"{who}: {len(hit)} of {len(lines)} ordinary lines, "
          f"{1000 * len(hit) / len(lines):.3f} in 1,000")  # fmt: skip
    for line in hit[:: max(1, len(hit) // 12)]:
        print("  ", line.strip()[:120])


def large() -> None:
    """Seconds of CPU for a megabyte of what takes longest: no text may hold a worker up."""
    secret = tokens.made("ghp_<A36>", random.Random(1))
    redactor = Redactor([secret])
    for piece in (
        "\\", "%25", "%e2%80%8b", "&amp;", "<!--", "<a ", "\x1b]", "\x1b[31mabc\x1b[0m def\n",
        "eyJ", "-----BEGIN PRIVATE KEY-----@", "token=", "authorization: ", "://a:", "Q~",
        "приве́т ", '{"a": "x\\\\ny\\u001b[0m"}\n', secret.upper() + " &#45; \\[31m",
    ):  # fmt: skip
        text = piece * (1_000_000 // len(piece))
        started = time.process_time()
        redactor(text)
        print(f"  a megabyte of {piece[:24]!r}: {time.process_time() - started:.2f} s", flush=True)


def speed(lines: list[str]) -> None:
    redactor = Redactor([tokens.made("ghp_<A36>", random.Random(1))])
    for what, text in (("sources", "\n".join(lines[-40_000:])), ("made lines", "\n".join(
        lines[: len(MADE) * 400]))):  # fmt: skip
        started = time.process_time()
        redactor(text)
        spent = time.process_time() - started
        print(f"ours: {len(text) / 1e6 / spent:.1f} MB/s on {what}")


def theirs(samples: list[tuple[str, str, list[str]]], lines: list[str]) -> None:
    """The same of detect-secrets: it reads files, so each sample is made one line of one."""
    started = time.process_time()
    try:
        from detect_secrets.core.scan import scan_file
        from detect_secrets.settings import default_settings
    except ImportError:
        print("detect-secrets is not installed: pip install detect-secrets")
        return
    with tempfile.TemporaryDirectory() as folder, default_settings():
        print(f"detect-secrets: loaded in {time.process_time() - started:.2f} s of CPU")
        path = Path(folder, "said.txt")

        def told_of(texts: list[str]) -> set[int]:
            path.write_text("".join(text.replace("\n", " ") + "\n" for text in texts))
            return {one.line_number - 1 for one in scan_file(str(path))}

        hit = told_of([text.replace("\r", "") for _, text, _ in samples])
        numbered = iter(range(len(samples)))
        told("detect-secrets", samples, lambda text, parts: next(numbered) in hit)
        sample = random.Random(18).sample(lines, min(SAMPLE, len(lines)))
        sample = [line.replace("\r", "") for line in sample]
        started = time.process_time()
        hit = told_of(sample)
        spent = time.process_time() - started
        numbered = iter(range(len(sample)))
        false_positives("detect-secrets", sample, lambda line: next(numbered) in hit)
        print(f"detect-secrets: {sum(map(len, sample)) / 1e6 / spent:.2f} MB/s")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
