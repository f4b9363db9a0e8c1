#!/usr/bin/env bash
# Ready issues become tasks in the inbox; cron: every minute.
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"
run_script dispatcher github_dispatcher 900 "$@"
