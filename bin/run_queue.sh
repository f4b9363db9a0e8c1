#!/usr/bin/env bash
# Starts workers for waiting tasks and ends; the workers are sessions of their own; cron: every minute.
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"
run_script queue supervisor 600 "$@"
