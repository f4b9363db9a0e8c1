#!/usr/bin/env bash
# Writes the daily digest, from digest_hour on and once a day; cron: every hour.
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"
run_script daily_digest daily_digest 300 "$@"
