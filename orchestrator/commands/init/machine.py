"""What the machine and the token can do, said before anything is asked."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator import readiness
from orchestrator.adapters import files
from orchestrator.agents.roster import NAMED
from orchestrator.commands.doctor import clockwork
from orchestrator.commands.doctor import machine as doctors
from orchestrator.commands.doctor.patient import Patient
from orchestrator.commands.init.scene import NoToken, Scene
from orchestrator.commands.init.voice import Voice
from orchestrator.records.config import PATCH
from orchestrator.records.diagnosis import Diagnosis, Level
from orchestrator.records.errors import ConfigError, GitHubTrouble, Trouble
from orchestrator.rules import access
from orchestrator.rules.diagnosis import cron
from orchestrator.rules.diagnosis import github as rules

MARKS = {Level.OK: ("ok", "green"), Level.NOTE: ("note", "cyan"), Level.WRONG: ("wrong", "red"),
         Level.UNKNOWN: ("?", "yellow")}  # fmt: skip
ASIDE = (
    "can start, but is asked only where --agents or agent_fallbacks names it: it applies the diff "
    "or the one-line replacement that an issue holds"
)


def told(voice: Voice, found: Diagnosis, *, remains: bool = True) -> None:
    """One finding as the doctor would word it; what is wrong is told again at the end."""
    mark, style = MARKS[found.level]
    said = f"{found.about}: {found.sentence}" if found.about else found.sentence
    voice.item(mark, said, style)
    if found.mend and found.level is not Level.OK:
        voice.command(found.mend)
    if remains and found.level is Level.WRONG:
        voice.remains(said, found.mend)


def look(scene: Scene, voice: Voice) -> tuple[str, ...]:
    """Tell of programs, agents and the token; the agents that could start now."""
    voice.title("This machine")
    patient = Patient(
        root=scene.root, source=scene.source, environment=scene.world.environment,
        world=scene.world, clock=scene.world.clock,
    )  # fmt: skip
    installed = files.find_program("crontab", patient.search) is not None
    runs = clockwork.running(patient.proc)
    cron_ = cron.daemon(runs, installed, {}, {}, patient.clock.now(), clockwork.INSTALL)
    for found in doctors.programs(patient):
        told(voice, found)
    told(voice, cron_, remains=scene.wishes.cron is not False)
    return tuple(agents(scene, voice))


def agents(scene: Scene, voice: Voice) -> Iterator[str]:
    """Which agents can start; none of them is asked anything."""
    usual = doctors.in_chains(scene.world) if scene.text else ()
    wanted = scene.wishes.agents or usual or tuple(kind.value for kind in NAMED)
    unknown = [name for name in wanted if name not in scene.world.agents]
    if unknown:
        said = f"--agents {', '.join(unknown)}: no agent is called so"
        raise ConfigError((f"{said}; known: {', '.join(scene.world.agents)}",))
    ready = []
    mends: list[str] = []
    for name in wanted:
        why = readiness.absent(scene.world, name)
        if not why:
            ready.append(name)
            voice.item("ok", f"agent {name}: can start", "green")
        else:
            voice.item("note", f"agent {name}: {why.reason}", "cyan")
            if why.mend:
                voice.command(why.mend)
                mends.append(why.mend)
    if PATCH.name not in wanted:
        voice.item("note", f"agent {PATCH.name}: {ASIDE}", "cyan")
        mends.append("bin/init.sh --agents patch, or in a config that is there: agent_fallbacks")
    if not ready:
        voice.remains(
            "No agent that is asked can start yet, and without one nothing is worked on. One is "
            "enough, of these or a program of yours under agents in config.yaml; patch, the last, "
            "needs no account and only does what an issue spells out:", "\n".join(mends),
        )  # fmt: skip
    yield from ready


def who(scene: Scene, voice: Voice) -> str:
    """The account of the token, with what that may do; raises where GitHub refuses it."""
    voice.title("GitHub")
    origin = scene.config.token_origin
    told_ = scene.token.told if scene.token else f"from {access.place(origin)}" if origin else ""
    source = f" ({told_})" if told_ else ""
    try:
        login = scene.world.read.viewer()
    except GitHubTrouble as trouble:
        said = scene.world.redact(str(trouble))
        if trouble.trouble is Trouble.AUTH:
            refused = f"{scene.config.github_web_url} refuses the token{source}: {said}"
            raise NoToken(refused) from trouble
        raise
    voice.item("ok", f"the token{source} is {login}'s, at {scene.config.github_web_url}", "green")
    world = scene.world
    lacking = access.missing_scopes(world.limits.scopes, world.limits.kind, board=True)
    if lacking:
        told(voice, rules.scopes(lacking, scene.config.github_web_url))
    clock = rules.clock(world.limits.skew)
    if clock.level is Level.WRONG:
        told(voice, clock)
    return login
