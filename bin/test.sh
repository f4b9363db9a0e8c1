#!/usr/bin/env bash
# ruff, mypy --strict and pytest; arguments go to pytest. Its last lines are pytest's own summary.
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"
if asks_for_help "$@"; then
    cat <<'USAGE'
usage: bin/test.sh [-h] [PYTEST ARGUMENTS]

Makes .venv on first use, then runs ruff, mypy --strict and every test; many minutes on a small
machine. Arguments go to pytest, after ruff and mypy:

  bin/test.sh tests/rules               only the tests there
  bin/test.sh -k doctor -x              those of a name, to the first that fails
  .venv/bin/python -m pytest --help     what else pytest takes
USAGE
    exit 0
fi
ensure_venv
if [ -n "${CI:-}" ]; then
    export NO_COLOR=1
    set -- --color=no "$@"
fi
say "ruff"
"$VENV/bin/python" -m ruff check --quiet .
# mypy thinks on one processor while the tests are found, and loaded once, on the other.
say "mypy --strict"
"$VENV/bin/python" -m mypy --no-error-summary &
types=$!
"$VENV/bin/python" -m pytest --collect-only -qq -p no:xdist "$@" >/dev/null 2>&1 || true
wait "$types"
# Tests write durably and so wait for the disk; in memory they do not. A sandbox shows its own
# folder there too.
roomy() { [ "$(df --output=avail -k /dev/shm 2>/dev/null | tail -1)" -ge 4000000 ] 2>/dev/null; }
if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ] && roomy; then
    TMPDIR=$(mktemp -d /dev/shm/agent-os-tests.XXXXXX)
    export TMPDIR
    trap 'rm -rf -- "$TMPDIR"' EXIT
fi
say "pytest"
# Tests wait for the disk as much as for a processor: a small machine runs four at once.
workers=auto
[ "$(nproc 2>/dev/null || echo 4)" -ge 4 ] || workers=4
"$VENV/bin/python" -m pytest -n "$workers" --dist worksteal "$@"
