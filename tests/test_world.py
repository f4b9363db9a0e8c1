"""What the world of production knows before its first step."""

from __future__ import annotations

from pathlib import Path

from orchestrator import settings, world
from orchestrator.agents import roster

CONFIG = """
github_owner: acme
github_token: ${GITHUB_TOKEN}
github_repo: acme/web
agents:
  mine: {command: [mine], environment: [MINE_API_KEY, MINE_HOME, MINE_PASSWORD]}
"""


def test_the_keys_that_agents_are_given_are_secrets_and_their_folders_are_not(
    tmp_path: Path,
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    environment = {
        "GITHUB_TOKEN": "our-token", "MINE_API_KEY": "their-key", "MINE_HOME": "/home/me/.mine",
        "OTHER_KEY": "somebody-elses",
    }  # fmt: skip
    config = settings.load(path, environment)
    agents = roster.build(config.agents)
    assert world.secrets(config, environment, agents) == ("our-token", "their-key")
