#!/usr/bin/env bash
# Looks at everything that must be right and says what is not, with the command that mends it.
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"
need_venv doctor
exec "$VENV/bin/python" -m orchestrator.commands.doctor "$@"
