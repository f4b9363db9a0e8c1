#!/usr/bin/env bash
# Does what the Telegram chat asks for, and tells it what happened; cron: every minute.
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"
run_script telegram chat 300 "$@"
