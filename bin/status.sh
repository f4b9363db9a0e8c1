#!/usr/bin/env bash
# Shows what runs, what waits and why, and what needs you; changes nothing.
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"
run_command status "$@"
