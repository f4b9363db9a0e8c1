#!/usr/bin/env bash
# Sets this installation up: asks little, shows what it would do, and can be run again.
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"
ensure_venv
exec "$VENV/bin/python" -m orchestrator.commands.init "$@"
