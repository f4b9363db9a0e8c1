#!/usr/bin/env bash
# Says why an issue or task is where it is, and what you can do about it; writes nothing.
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"
run_command why "$@"
