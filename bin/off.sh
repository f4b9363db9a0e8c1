#!/usr/bin/env bash
# Stops everything, or one repository or script; what is under way ends and is kept.
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"
run_command switch off "$@"
