"""What all screens look at: the open profile, saved as it is typed, the run that is shown, and what each step lacks.

Knows no widgets. The profile is always one that the schema accepts: what it refuses stays with the field that asked.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from loratui.tui.glyphs import UNICODE, Glyphs
from loratui.tui.memory import Memory

if TYPE_CHECKING:
    from loratui.profile.schema import Profile
    from loratui.runs.directory import RunDirectory


class Session:
    """The wizard's one model.

    Attributes:
        name: Of the open profile; "" while none is open.
        run: What Train and Try show; None while the profile has none.
        glyphs: The signs that this terminal draws well.
        images: How pictures are drawn: "kitty", "sixel", "halfcell" or "off".
        cell_size: Width and height of a character cell in pixels.
        now: The time in seconds since 1970.
        on_change: Called when the profile or the run has changed.
        on_unmet: Called when it has changed what a step lacks.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.name = ""
        self.run: RunDirectory | None = None
        self.glyphs: Glyphs = UNICODE
        self.images = "halfcell"
        self.cell_size = (10, 20)
        self.now = now
        self.on_change: Callable[[], None] = lambda: None
        self.on_unmet: Callable[[], None] = lambda: None
        self._profile: Profile | None = None
        self._unmet: dict[str, tuple[str, ...]] = {}
        self._memory = Memory()

    @property
    def profile(self) -> "Profile":
        """The open profile; the defaults while none is open."""
        if self._profile is None:
            from loratui.profile.schema import Profile

            self._profile = Profile()
        return self._profile

    def open(self, name: str) -> None:
        """Open a saved profile, and show the newest run of it.

        Raises:
            ProfileError: it is not there, or cannot be read.
        """
        from loratui.paths import runs_directory
        from loratui.profile.store import load_profile, profile_path
        from loratui.runs.finding import newest_made_from

        profile = load_profile(name)
        if name != self.name:
            self.run = newest_made_from(profile_path(name).absolute(), runs_directory())
            self._unmet.clear()
        self.name, self._profile = name, profile
        self.remember("profile", name)
        self.on_change()

    def close(self) -> None:
        """Have no profile open, as after it was removed."""
        self.name, self._profile, self.run = "", None, None
        self._unmet.clear()
        self.on_change()

    def show_run(self, run: "RunDirectory | None") -> None:
        """Have Train and Try show `run`."""
        self.run = run
        self.on_change()

    def change(self, field: str, value: Any) -> str:
        """Set `section.key` and save; returns "" or what is wrong with it, in which case nothing was changed."""
        return self.change_many({field: value})

    def change_many(self, changes: Mapping[str, Any]) -> str:
        """Set several fields as one change and save; returns "" or what is wrong, in which case nothing was changed."""
        from loratui.errors import ProfileError
        from loratui.profile.store import profile_path, validated, write_profile

        values = self.profile.model_dump(by_alias=True)
        for field, value in changes.items():
            section, _, key = field.partition(".")
            values[section][key] = value
        try:
            profile = validated(values, "")
            if self.name:
                write_profile(profile, profile_path(self.name), self.name)
        except ProfileError as error:
            return error.what
        self._profile = profile
        self.on_change()
        return ""

    def resolved(self) -> "Profile":
        """The open profile with all paths absolute, taken from where loratui was started."""
        from pathlib import Path

        from loratui.profile.changes import resolve_paths

        return resolve_paths(self.profile, Path.cwd())

    def set_unmet(self, step: str, reasons: Sequence[str]) -> None:
        """Say what a step still lacks; nothing at all means that it is done."""
        if self._unmet.get(step) != tuple(reasons):
            self._unmet[step] = tuple(reasons)
            self.on_unmet()

    def unmet(self, step: str) -> tuple[str, ...] | None:
        """What a step lacks; None while nobody has looked."""
        return self._unmet.get(step)

    def remember(self, key: str, value: Any) -> None:
        """Keep a small fact for the next time."""
        self._memory.remember(key, value)

    def recall(self, key: str, default: Any = None) -> Any:
        """A fact that was kept; `default` where there is none."""
        return self._memory.recall(key, default)
