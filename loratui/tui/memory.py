"""What the wizard remembers from one time to the next: recent folders, the theme, which ends a person has seen.

Nothing that a training depends on. Several wizards share it: each one's facts are added to what the others kept.
"""

import os
from typing import Any

from loratui.kept_facts import change_facts, read_facts
from loratui.paths import data_directory


class Memory:
    """Small facts by name, in one JSON file."""

    def __init__(self) -> None:
        self._path = data_directory() / "wizard.json"
        self._version: tuple[int, int, int] | None = None
        self._on_disk: dict[str, Any] = {}
        self._not_taken: dict[str, Any] = {}

    def recall(self, key: str, default: Any = None) -> Any:
        """The fact of that name; `default` where it is unknown or of another kind."""
        found = self._facts().get(key, default)
        return found if default is None or isinstance(found, type(default)) else default

    def remember(self, key: str, value: Any) -> None:
        """Keep a fact; on a disk that takes nothing it is forgotten at the end."""
        if self._facts().get(key) == value:
            return
        self._not_taken[key] = value
        if change_facts(self._path, lambda facts: facts.update(self._not_taken)):
            self._not_taken = {}

    def _facts(self) -> dict[str, Any]:
        """All facts; the file is read again only when somebody has put another one in its place."""
        version = self._found_version()
        if version != self._version:
            self._version, self._on_disk = version, read_facts(self._path)
        return {**self._on_disk, **self._not_taken}

    def _found_version(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
