"""What all screens look at: the open profile, saved as it is typed, the run that is shown, and what each step lacks.

Knows no widgets. The profile is always one that the schema accepts: what it refuses stays with the field that asked.
"""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loratui.tui.glyphs import UNICODE, Glyphs
from loratui.tui.memory import Memory

if TYPE_CHECKING:
    from loratui.dataset.survey import Surveyor
    from loratui.profile.schema import Profile
    from loratui.runs.directory import RunDirectory
    from loratui.tui.profile_file import ProfileFile

# What of the profile each step judges; a change of it elsewhere makes old the knowledge of what the step lacks.
_JUDGED = {"model": "model", "pictures": "dataset"}


class Session:
    """The wizard's one model.

    Attributes:
        name: Of the open profile; "" while none is open.
        run: What Train and Try show; None while the profile has none.
        glyphs: The signs that this terminal draws well.
        images: How pictures are drawn: "kitty", "sixel", "halfcell" or "off".
        cell_size: Width and height of a character cell in pixels.
        now: The time in seconds since 1970.
        tried: The runs for whose strengths a worker was asked; it goes when the program is left.
        refused: Texts that were not taken and still stand in their rows, with why, by profile and setting.
        to_judge: Steps that were judged before a change, and not since.
        on_change: Called when the profile or the run has changed.
        on_unmet: Called when it has changed what a step lacks.
        on_news: Called with a sentence that a person should read.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.name = ""
        self.run: RunDirectory | None = None
        self.glyphs: Glyphs = UNICODE
        self.images = "halfcell"
        self.cell_size = (10, 20)
        self.now = now
        self.tried: set[RunDirectory] = set()
        self.refused: dict[str, dict[str, tuple[str, str]]] = {}
        self.to_judge: set[str] = set()
        self.on_change: Callable[[], None] = lambda: None
        self.on_unmet: Callable[[], None] = lambda: None
        self.on_news: Callable[[str], None] = lambda _: None
        self._file: ProfileFile | None = None
        self._defaults: Profile | None = None
        self._surveyor: Surveyor | None = None
        self._unmet: dict[str, tuple[str, ...]] = {}
        self._memory = Memory()
        self._started_in = _working_directory()

    @property
    def profile(self) -> "Profile":
        """The open profile; the defaults while none is open."""
        if self._file is not None:
            return self._file.profile
        if self._defaults is None:
            from loratui.profile.schema import Profile

            self._defaults = Profile()
        return self._defaults

    def open(self, name: str, run: "RunDirectory | None" = None) -> None:
        """Open a saved profile, and show a run of it; without one the newest.

        Raises:
            ProfileError: it is not there, or cannot be read.
        """
        from loratui.paths import runs_directory
        from loratui.runs.finding import newest_made_from
        from loratui.tui.profile_file import ProfileFile

        file = ProfileFile(name)
        if run is not None or name != self.name:
            self.run = run or newest_made_from(name, runs_directory())
        if name != self.name:
            self._forget_unmet()
        self.name, self._file = name, file
        self._judge_settings()
        self.remember("profile", name)
        self.on_change()

    def close(self) -> None:
        """Have no profile open, as after it was removed."""
        self.name, self._file, self.run = "", None, None
        self._forget_unmet()
        self.on_change()

    def show_run(self, run: "RunDirectory | None") -> None:
        """Have Train and Try show `run`; the profile that it was made from is opened, and one of another run closed."""
        from loratui.errors import ProfileError
        from loratui.runs.finding import output_name, profile_of

        name = profile_of(run.read_origin(), output_name(run)) if run is not None else self.name
        if name != self.name:
            self.close()
            with contextlib.suppress(ProfileError):  # a profile that cannot be read does not hide its run
                if name:
                    self.open(name, run)
        self.run = run
        self.on_change()

    def change(self, field: str, value: Any) -> str:
        """Set `section.key` and save; returns "" or what is wrong with it, in which case nothing was changed."""
        return self.change_many({field: value})

    def change_many(self, changes: Mapping[str, Any]) -> str:
        """Set several fields as one change and save; returns "" or what is wrong, in which case nothing was changed.

        What another program has written into the profile's file meanwhile is kept.
        """
        from loratui.errors import ProfileError
        from loratui.profile.store import validated

        if self._file is None:
            return "No profile is open."
        before = self.profile
        try:
            if self._file.take_in_changes():
                self.on_news("The profile's file was changed by another program; what it says was taken over.")
            values = self.profile.model_dump(by_alias=True)
            for field, value in changes.items():
                section, _, key = field.partition(".")
                values[section][key] = value
            self._file.save(validated(values, ""))
        except ProfileError as error:
            return error.what
        for step, section in _JUDGED.items():
            if getattr(self.profile, section) != getattr(before, section) and self._unmet.pop(step, None) is not None:
                self.to_judge.add(step)
        self.on_change()
        return ""

    @property
    def surveyor(self) -> "Surveyor":
        """Remembers for all screens which pictures can be read to their end."""
        if self._surveyor is None:
            from loratui.dataset.survey import Surveyor

            self._surveyor = Surveyor()
        return self._surveyor

    def resolved(self) -> "Profile":
        """The open profile with its paths absolute, as far as that is possible."""
        from loratui.profile.changes import resolve_known_paths

        return resolve_known_paths(self.profile, self._started_in)

    def keep_refused(self, name: str, texts: Mapping[str, tuple[str, str]]) -> None:
        """Keep a profile's texts that were not taken, instead of those of before; its Settings lack something then."""
        self.refused[name] = dict(texts)
        if name == self.name:
            self._judge_settings()

    def _judge_settings(self) -> None:
        reasons = [complaint for _, complaint in self.refused.get(self.name, {}).values()]
        if reasons or self.unmet("settings"):
            self.set_unmet("settings", reasons)

    def set_unmet(self, step: str, reasons: Sequence[str]) -> None:
        """Say what a step still lacks; nothing at all means that it is done."""
        self.to_judge.discard(step)
        if self._unmet.get(step) != tuple(reasons):
            self._unmet[step] = tuple(reasons)
            self.on_unmet()

    def unmet(self, step: str) -> tuple[str, ...] | None:
        """What a step lacks; None while nobody has looked."""
        return self._unmet.get(step)

    def forget_unmet(self, step: str) -> None:
        """Take back what was said of a step: it is neither done nor lacks anything that a person could mend."""
        if self._unmet.pop(step, None) is not None:
            self.on_unmet()

    def _forget_unmet(self) -> None:
        self._unmet.clear()
        self.to_judge.clear()

    def remember(self, key: str, value: Any) -> None:
        """Keep a small fact for the next time."""
        self._memory.remember(key, value)

    def recall(self, key: str, default: Any = None) -> Any:
        """A fact that was kept; `default` where there is none."""
        return self._memory.recall(key, default)


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:  # it was removed
        return Path.home()
