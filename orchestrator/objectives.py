"""The objectives that the operator wrote: one YAML file for a product."""

from __future__ import annotations

from pathlib import Path

import msgspec
import yaml

from orchestrator.adapters import files
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.objective import Objective
from orchestrator.world import World

LIMIT = 200_000  # bytes of a file


def of(world: World, repository: RepositoryConfig) -> Objective | None:
    """The repository's objective; None where there is none, or none that can be read: told."""
    if not repository.objective:
        return None
    path = Path(repository.objective)
    path = path if path.is_absolute() else world.paths.objectives / path
    try:
        text = files.read_bounded(path, LIMIT).decode("utf-8")
        return msgspec.convert(yaml.safe_load(text), Objective)
    except (OSError, files.NotReadable, UnicodeDecodeError) as error:
        world.say(f"{repository.slug}: its objective {path.name} cannot be read: {error}")
    except (yaml.YAMLError, RecursionError, ValueError, KeyError, AttributeError) as error:
        reason = str(error).partition("\n")[0]
        world.say(f"{repository.slug}: its objective {path.name} is not understood: {reason}")
    return None
