#!/usr/bin/env bash
# Merges, updates or hands back our pull requests; cron: every five minutes.
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"
run_script pr_monitor pr_monitor 1800 "$@"
