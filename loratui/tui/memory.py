"""What the wizard remembers from one time to the next: recent folders, the theme, which ends a person has seen.

Nothing that a training depends on. A file that cannot be read is as good as none.
"""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from loratui.paths import data_directory


class Memory:
    """Small facts by name, in one JSON file."""

    def __init__(self) -> None:
        self._path = data_directory() / "wizard.json"
        self._facts: dict[str, Any] | None = None

    def recall(self, key: str, default: Any = None) -> Any:
        """The fact of that name; `default` where it is unknown or of another kind."""
        found = self._read().get(key, default)
        return found if default is None or isinstance(found, type(default)) else default

    def remember(self, key: str, value: Any) -> None:
        """Keep a fact; on a disk that takes nothing it is forgotten at the end."""
        facts = self._read()
        if facts.get(key) == value:
            return
        facts[key] = value
        with contextlib.suppress(OSError):
            _write(self._path, json.dumps(facts, ensure_ascii=False, indent=1))

    def _read(self) -> dict[str, Any]:
        if self._facts is None:
            try:
                facts = json.loads(self._path.read_text(encoding="utf-8"))
            except (OSError, ValueError, RecursionError):
                facts = {}
            self._facts = facts if isinstance(facts, dict) else {}
        return self._facts


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8", errors="backslashreplace")
    draft.replace(path)
