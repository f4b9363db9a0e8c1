#!/usr/bin/env bash
# ruff, mypy --strict and pytest; arguments go to pytest. Its last lines are pytest's own summary.
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"
ensure_venv
if [ -n "${CI:-}" ]; then
    export NO_COLOR=1
    set -- --color=no "$@"
fi
say "ruff"
"$VENV/bin/python" -m ruff check --quiet .
say "mypy --strict"
"$VENV/bin/python" -m mypy --no-error-summary
say "pytest"
# Tests wait for the disk as much as for a processor: a small machine runs four at once.
workers=auto
[ "$(nproc 2>/dev/null || echo 4)" -ge 4 ] || workers=4
exec "$VENV/bin/python" -m pytest -n "$workers" "$@"
