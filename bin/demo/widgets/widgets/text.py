"""Names as they stand in web addresses and on labels."""

from __future__ import annotations

import re
import unicodedata


def slug(name: str) -> str:
    """The name in small ASCII letters and digits, words joined by dashes."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
