"""What attempts used: one line for each in the metrics, and what is left of every budget."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import Struct, structs

from orchestrator import alerts, cooling
from orchestrator.adapters import events
from orchestrator.agents.base import Agent
from orchestrator.records.config import AgentKind, Budget, Period, RepositoryConfig
from orchestrator.records.event import AttemptStat
from orchestrator.records.order import AttemptReport
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import Attempt, State, Task
from orchestrator.records.usage import Usage
from orchestrator.rules import budget, pricing
from orchestrator.rules.budget import Account
from orchestrator.world import World

THOUGHT = "thought"  # in place of a status and a verdict, where a run was no attempt
FREE = Usage(input_tokens=0, output_tokens=0, cached_tokens=0, cost_usd=0.0)  # asks no model
WINDOWS = {"five_hours": timedelta(hours=5), "week": timedelta(days=7)}
SPOKEN = {"five_hours": "in five hours", "week": "in a week"}


class Running(Struct, frozen=True):
    """An attempt that is under way: its line is still to come."""

    repo: str
    agent: str
    account: str


class Books(Struct, frozen=True, kw_only=True):
    """What was used as far back as any budget asks, the newest first, and what runs now."""

    stats: tuple[AttemptStat, ...] = ()
    running: tuple[Running, ...] = ()


def measure(
    world: World,
    task: Task,
    attempt: Attempt,
    report: AttemptReport | None = None,
    *,
    cause: BlockerCode = BlockerCode.NONE,
) -> None:
    """One line of `agent_stats.jsonl` and one event for an attempt that is over (Q11).

    `cause` is what stopped this attempt itself, where its code says what became of the task.
    """
    result = attempt.result
    noted = AttemptStat(
        timestamp=world.clock.now(),
        task_id=task.task_id,
        repo=task.repo,
        agent=attempt.agent,
        status=result.status if result else "blocked",
        blocker_code=attempt.code if cause is BlockerCode.NONE else cause,
        attempt_count=attempt.n,
        duration_seconds=attempt.seconds,
        task_type=task.task_type,
        verdict=attempt.verdict or "",
        head_sha=attempt.head_sha,
        attempt=attempt.n,
        account=attempt.account,
    )
    write(world, noted, used(world, attempt), report)
    world.events.add(
        "judged",
        task=task,
        reason=attempt.reason,
        attempt=attempt.n,
        agent=attempt.agent,
        verdict=attempt.verdict,
        code=attempt.code,
        seconds=attempt.seconds,
        sha=attempt.head_sha,
    )
    warn(world, task, attempt.agent)


def thought(
    world: World,
    task: Task,
    purpose: str,
    agent: Agent,
    login: str,
    report: AttemptReport,
    code: BlockerCode,
) -> None:
    """One line for a run that only thought: it costs what any run costs, and is no attempt."""
    noted = AttemptStat(
        timestamp=world.clock.now(),
        task_id=task.task_id,
        repo=task.repo,
        agent=agent.name,
        status=THOUGHT,
        blocker_code=code,
        attempt_count=0,
        duration_seconds=round(report.seconds, 1),
        task_type=purpose,
        verdict=THOUGHT,
        account=cooling.account(world, agent.name, login),
    )
    write(world, noted, agent.read_usage(report), report)
    warn(world, task, agent.name)


def write(
    world: World, noted: AttemptStat, usage: Usage | None, report: AttemptReport | None
) -> None:
    """The line with what the run used and cost, and what of this machine; None where untold."""
    slug, cost = noted.repo, pricing.cost(usage, world.config.pricing, noted.agent)
    repository = world.config.repository(slug)
    world.events.attempt_stat(
        structs.replace(
            noted,
            repo=(repository.path if repository else None) or slug,
            github_repo=slug,
            model=usage.model if usage else None,
            input_tokens=usage.input_tokens if usage else None,
            output_tokens=usage.output_tokens if usage else None,
            cached_tokens=usage.cached_tokens if usage else None,
            cost_usd=cost.usd,
            cost_from=cost.known_from,
            cpu_seconds=report.cpu_seconds if report else None,
            peak_memory_bytes=report.peak_memory_bytes if report else None,
            containment=report.containment if report else "",
        )
    )


def measure_once(world: World, task: Task, attempt: Attempt) -> None:
    """As `measure`, for an attempt whose worker died: its line may be there already."""
    known = events.attempts_since(world.paths.agent_stats, attempt.started)
    if not any((one.task_id, one.attempt) == (task.task_id, attempt.n) for one in known):
        measure(world, task, attempt)


def used(world: World, attempt: Attempt) -> Usage | None:
    config = world.config.agent(attempt.agent)
    return FREE if config is not None and config.kind is AgentKind.PATCH else attempt.usage


def read(world: World, repository: RepositoryConfig | None = None) -> Books:
    """As far back as the budgets and plans ask, and not at all where there is none."""
    since = horizon(world, repository)
    if since is None:
        return Books()
    now = world.clock.now()
    stats = events.attempts_since(world.paths.agent_stats, since)
    return Books(
        stats=tuple(one for one in stats if one.timestamp <= now),
        running=tuple(
            Running(task.repo, task.attempt.agent, task.attempt.account)
            for task in world.mailroom.list_state(State.PROCESSING)
            if task.attempt is not None and task.attempt.judged is None
        ),
    )


def horizon(world: World, repository: RepositoryConfig | None) -> datetime | None:
    """The earliest moment that any budget or plan counts from."""
    config, now = world.config, world.clock.now()
    budgets = [config.budgets.day, config.budgets.default, *config.budgets.per_agent.values()]
    budgets += [repository.repository_budget] if repository else []
    periods = {one.period for one in budgets if one is not None}
    begins = [budget.bounds(now.astimezone(world.zone), period)[0] for period in periods]
    plans = {window for agent in config.agents.values() for window in agent.quota}
    return min([*begins, *(now - WINDOWS[window] for window in plans)], default=None)


def of_day(world: World, books: Books) -> Account | None:
    return account(
        world, world.config.budgets.day, "all repositories together", books.stats,
        len(books.running),
    )  # fmt: skip


def of_repository(world: World, repository: RepositoryConfig, books: Books) -> Account | None:
    slug = repository.slug.lower()
    mine = (one for one in books.stats if one.github_repo.lower() == slug)
    running = sum(one.repo.lower() == slug for one in books.running)
    return account(world, repository.repository_budget, repository.slug, mine, running)


def of_agent(world: World, agent: str, books: Books) -> Account | None:
    mine = (one for one in books.stats if one.agent == agent)
    running = sum(one.agent == agent for one in books.running)
    return account(world, world.config.budgets.of_agent(agent), agent, mine, running)


def of_task(world: World, repository: RepositoryConfig, task: Task) -> Account | None:
    """What this round of the task used, by its own file; waiting gives it nothing back."""
    said = repository.task_budget
    if said is None:
        return None
    lines = (stat_of(world, task, one) for one in task.this_round)
    return Account(name="this task", budget=said, spent=budget.spent(lines))


def stat_of(world: World, task: Task, attempt: Attempt) -> AttemptStat:
    """An attempt in the task's file, as its line in the metrics would count."""
    usage = used(world, attempt)
    return AttemptStat(
        timestamp=attempt.started, task_id=task.task_id, repo=task.repo, agent=attempt.agent,
        status="", blocker_code=attempt.code, attempt_count=attempt.n,
        duration_seconds=attempt.seconds, task_type=task.task_type,
        verdict=attempt.verdict or "", head_sha=attempt.head_sha,
        input_tokens=usage.input_tokens if usage else None,
        output_tokens=usage.output_tokens if usage else None,
        cost_usd=pricing.cost(usage, world.config.pricing, attempt.agent).usd,
    )  # fmt: skip


def of_plan(world: World, agent: str, books: Books) -> tuple[Account, ...]:
    return tuple(plan(world, agent, books).values())


def plan(world: World, agent: str, books: Books) -> dict[str, Account]:
    """The windows of the plan that the config tells of the agent's account, by name."""
    config, now = world.config.agent(agent), world.clock.now()
    if config is None or not config.quota:
        return {}
    owner = cooling.account(world, agent)
    found = {}
    for window, allowed in config.quota.items():
        length = WINDOWS[window]
        inside = [
            one
            for one in reversed(books.stats)
            if (one.account or one.agent).partition(".")[0] == owner
            and one.timestamp > now - length
        ]
        limit = Budget(
            hard_stop_usd=allowed.usd, hard_stop_tokens=allowed.tokens,
            hard_stop_attempts=allowed.attempts,
        )  # fmt: skip
        running = sum(one.account.partition(".")[0] == owner for one in books.running)
        one = Account(
            name=f"the plan of {owner} {SPOKEN[window]}", budget=limit,
            spent=budget.spent(inside, running),
        )  # fmt: skip
        if budget.over(one):
            until = budget.frees_at(inside, limit, length) or now + length
            one = Account(name=one.name, budget=limit, spent=one.spent, until=until)
        found[window] = one
    return found


def account(
    world: World, said: Budget | None, who: str, stats: Iterable[AttemptStat], running: int
) -> Account | None:
    """A budget with what was used of it in its present period; None where there is no budget."""
    if said is None:
        return None
    here = world.clock.now().astimezone(world.zone)
    begin, end = budget.bounds(here, said.period)
    when = f"on {here:%Y-%m-%d}" if said.period is Period.DAY else f"in {here:%Y-%m}"
    mine = (one for one in stats if begin <= one.timestamp < end)
    return Account(
        name=f"{who} {when}", budget=said, spent=budget.spent(mine, running), until=end
    )


def warn(world: World, task: Task, agent: str) -> None:
    """What a person hears of budgets, once in each period: near the limit, at it, or blind."""
    repository = world.config.repository(task.repo)
    if repository is None:
        return
    books = read(world, repository)
    shared = (
        of_day(world, books), of_repository(world, repository, books), of_agent(world, agent, books)
    )  # fmt: skip
    for one in (*shared, of_task(world, repository, task)):
        if one is None:
            continue
        name = one.name if one.until else f"{task.key}"
        for said in budget.warned(one):
            tell(world, f"budget:{name}:{limit_of(said)}", f"{said}: the soft limit is reached")
        if (over := budget.over(one)) and one.until:
            what = f"nothing more is started for it before {world.spoken(one.until)}"
            tell(world, f"budget-spent:{name}", f"{over}: the budget is spent; {what}")
        if unseen := budget.blind(one):
            tell(world, f"budget-blind:{name}", unseen)


def limit_of(said: str) -> str:
    """Which of the three limits a sentence is about."""
    return next((word for word in ("tokens", "attempts are", "USD") if word in said), "")


def tell(world: World, key: str, said: str) -> None:
    """Once for each key, also where its period is longer than an alert's own day."""
    if not alerts.place(world, key).exists():
        alerts.alert(world, key, said)
