"""The questions of `docs/cookbook.md`, each with the SELECT that answers it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[1] / "docs" / "cookbook.md"

MODEL: Final = "openai/gpt-4.1"
ENDPOINT: Final = "openai/gpt-4.1#openai"
"""What the page asks about; a test asks about what its own data has."""

_BLOCK: Final = re.compile(r"((?:^[^`#\n].*\n)+)\n```sql\n((?:^[^`\n].*\n)+)```$", re.MULTILINE)


def questions() -> dict[str, str]:
    """All of them: what is asked, as the page begins to say it, and the SELECT."""
    found = _BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    return {re.split(r"[;:.,]\s", " ".join(said.split()) + " ")[0]: sql for said, sql in found}


def about(sql: str, names: Mapping[str, str]) -> str:
    """The same question about others: names of the page, and what stands for them; the longest first."""
    for name in sorted(names, key=len, reverse=True):
        sql = sql.replace(f"'{name}'", f"'{names[name]}'")
    return sql
