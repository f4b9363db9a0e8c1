#!/usr/bin/env bash
# Does something with one task by hand: task.sh revert 12 offers a pull request that takes it back.
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"
run_command task "$@"
