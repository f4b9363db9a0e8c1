#!/usr/bin/env bash
# Tells when a script has been silent or failing for too long; needs no .venv; cron: every 5 minutes.
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"
run_program watchdog 60 "$(any_python)" -I "$ROOT/bin/watchdog" "$@" "${ORCH_ROOT:-$ROOT}"
