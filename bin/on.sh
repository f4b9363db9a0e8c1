#!/usr/bin/env bash
# Lets go on what was switched off, and says what it was off for.
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"
run_command switch on "$@"
