#!/usr/bin/env bash
# Six issues on a GitHub of this machine become merged pull requests; needs no token.
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"
ensure_venv
exec "$VENV/bin/python" -m orchestrator.commands.demo "$@"
