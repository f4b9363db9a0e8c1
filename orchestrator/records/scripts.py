"""The scripts that cron starts: by what each calls itself, the wrapper that a person types."""

from __future__ import annotations

WRAPPERS = {
    "github_dispatcher": "run_dispatcher.sh",
    "supervisor": "run_queue.sh",
    "pr_monitor": "run_pr_monitor.sh",
    "chat": "run_telegram.sh",
    "daily_digest": "run_daily_digest.sh",
    "autopull": "run_autopull.sh",
}
