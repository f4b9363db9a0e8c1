"""A GitHub App for tests: its key pair, made once a process, and how seed and config name it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

APP = 4711


@cache
def pair() -> tuple[str, str]:
    """The private and the public key, both PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )  # fmt: skip
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


def seeded(installed: dict[str, list[str]]) -> list[dict[str, Any]]:
    return [{"id": APP, "slug": "office", "public_key": pair()[1], "installed": installed}]


def configured(folder: Path, **more: Any) -> dict[str, Any]:
    """What the config says of it, with its key in a file that only we may read."""
    path = folder / "app.pem"
    path.write_text(pair()[0])
    path.chmod(0o600)
    return {"github_token": None, "github_app": {"id": APP, "key_file": str(path), **more}}
