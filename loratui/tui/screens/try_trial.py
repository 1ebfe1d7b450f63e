"""What Try looks at: one row of pictures of a run and one strength, and which other ones there are.

Knows no widgets. Reads the run's files: it is opened in a thread.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from pathlib import Path

from loratui.errors import LoratuiError
from loratui.generation.check import prompts_from_captions
from loratui.generation.comparison_files import USUAL_STRENGTH
from loratui.generation.prompt import LoraTag
from loratui.profile.schema import Comparison, Profile
from loratui.runs.directory import RunDirectory
from loratui.runs.events import read_landmarks
from loratui.runs.history import fold
from loratui.runs.keeping import Kept, activation_text, kept_strength
from loratui.runs.overview import outputs
from loratui.runs.tried_files import TriedFile, files_to_try
from loratui.runs.try_session import TrySession
from loratui.runs.trying import Wish


@dataclass
class Trial:
    """One run being looked at.

    Attributes:
        files: The LoRA files to choose from, the finished one first.
        settings: How pictures are drawn from now on.
        strengths: The columns, rising; 0.0 is no LoRA.
        wish: The row that is looked at.
        strength: The column.
        prompts: The rows of the whole comparison.
        is_finished: Whether the training has ended.
        is_of_profile: Whether the run was made from the open profile, whose comparison is what is set then.
        is_chosen: Whether a person has chosen the row; else the finished file comes to the front once it is there.
        typed: Strengths that a person has named, beside those that are set.
        comparing: What the run itself is drawing, and which share of it is done; "" while it draws nothing.
        grid: The grid beside the LoRA; None while there is none.
    """

    session: TrySession
    profile: Profile
    files: tuple[TriedFile, ...]
    settings: Comparison
    strengths: tuple[float, ...]
    wish: Wish
    strength: float
    prompts: tuple[str, ...] = ()
    is_finished: bool = True
    is_of_profile: bool = False
    is_chosen: bool = False
    kept: Kept | None = None
    typed: tuple[float, ...] = ()
    comparing: tuple[str, float] = ("", 0.0)
    _grid: Path | None = field(default=None)

    @property
    def run(self) -> RunDirectory:
        """The run."""
        return self.session.run

    @property
    def file(self) -> TriedFile:
        """The LoRA file that the row is drawn with."""
        return next((file for file in self.files if file.label == self.wish.label), self.files[0])

    @property
    def size(self) -> tuple[int, int]:
        """What the pictures measure where the settings do not say."""
        return self.profile.dataset.resolution, self.profile.dataset.resolution

    @property
    def base(self) -> str:
        """The base that the row is drawn on."""
        return self.wish.base or self.profile.model.base

    @property
    def grid(self) -> Path | None:
        """The grid that was written last, if it is still there."""
        found = self.session.grid or self._grid
        return found if found is not None and found.is_file() else None

    @property
    def tag(self) -> str:
        """What a prompt calls the LoRA by at this strength."""
        return str(LoraTag(self.file.path.stem, self.strength or USUAL_STRENGTH, self.strength or USUAL_STRENGTH))

    def picture(self, strength: float) -> Path | None:
        """The picture of the row at a strength; None while it is not drawn."""
        return self.session.picture(self.wish, strength)

    @property
    def missing(self) -> tuple[float, ...]:
        """What of the two pictures is not drawn yet."""
        return tuple(strength for strength in dict.fromkeys((0.0, self.strength)) if self.picture(strength) is None)

    @property
    def coming(self) -> frozenset[float]:
        """The strengths of this row that are asked for."""
        rows = [request for request in self.session.pending.values() if request.kind == "draw"]
        asked = [request.settings.strengths for request in rows if request.first_row == self.wish]
        return frozenset(strength for strengths in asked for strength in strengths)

    @property
    def rows(self) -> tuple[Wish, ...]:
        """The rows that are drawn, as they were drawn one after the other; the one that is looked at is among them."""
        labels = {file.label for file in self.files}
        drawn = (wish for wish, _ in self.session.cells if wish.label in labels)
        return tuple(dict.fromkeys([*drawn, self.wish]))

    def go_to_row(self, distance: int) -> bool:
        """Go to a row drawn before or after; False at either end."""
        rows = self.rows
        place = rows.index(self.wish) + distance
        if not 0 <= place < len(rows):
            return False
        self.wish, self.is_chosen = rows[place], True
        self._take_columns()
        return True

    def step(self, distance: int) -> bool:
        """Go to a weaker or a stronger one; False at either end."""
        place = self.strengths.index(self.strength) + distance
        if not 0 <= place < len(self.strengths):
            return False
        self.strength = self.strengths[place]
        return True

    def change(self, **fields: object) -> None:
        """Look at another row; how it is drawn is what is set now."""
        now = Wish.of(self.settings, self.size, prompt="", seed=0)
        drawn = ("negative_prompt", "steps", "guidance", "sampler", "width", "height")
        self.wish = replace(self.wish, **{name: getattr(now, name) for name in drawn})
        self.wish = replace(self.wish, **fields)  # type: ignore[arg-type]
        self.is_chosen = True

    def take_strength(self, strength: float) -> None:
        """Look at a strength, which need not be among those of the row."""
        self.strength = strength
        self.typed = (*self.typed, strength)
        self._take_columns()

    def go_on_from(self, before: "Trial") -> None:
        """Look at what was looked at before, as far as a person has chosen it, or nothing better is there yet."""
        self.strength, self.typed, self.comparing = before.strength, before.typed, before.comparing
        if before.is_chosen or (before.picture(before.strength) is not None and not self.is_finished):
            self.wish, self.is_chosen = before.wish, before.is_chosen
        self._take_columns()

    def take_settings(self, settings: Comparison) -> None:
        """Draw as is set now from now on."""
        self.settings = settings
        self.prompts = tuple(settings.prompts) or self.prompts
        self._take_columns()

    def _take_columns(self) -> None:
        self.strengths = _columns(self.session, self.settings, self.wish, (self.strength, *self.typed))

    def drawing(self) -> Callable[[], object]:
        """What asks for the picture that is looked at now; for a thread, which may come to it when that has changed.

        It raises a `LoratuiError` where the picture cannot be asked for.
        """
        return partial(self.session.draw, self.wish, (self.strength or usual(self.strengths),), self.file.path)

    def filling(self, prompts: Sequence[str]) -> "Filling":
        """A grid of these prompts, and of the epochs and bases that are set, or of the row of now alone."""
        row = self.wish
        alone = tuple(prompts) == (row.prompt,)
        settings = self.settings.model_copy(
            update={
                "prompts": list(prompts),
                "seeds": [row.seed] if alone else self.settings.seeds,
                "strengths": list(self.strengths),
                "other_loras": list(row.other_loras),
                "other_bases": [] if alone or row.base else self.settings.other_bases,
                "negative_prompt": row.negative_prompt if alone else self.settings.negative_prompt,
            }
        )
        epochs = set() if alone else set(self.settings.epochs)
        files = [file for file in reversed(self.files) if file.epoch in epochs and file != self.file]
        return Filling(self.session, settings, (*files, self.file), row.base, self.size, self.file.path)


@dataclass(frozen=True)
class Filling:
    """A grid that may be asked for; both methods are for threads.

    Attributes:
        files: Of which each prompt and seed has a row.
        base: "" is the one that the run was trained on; `settings` name further ones.
        size: Where the settings say 0.
        lora: The file beside which the grid is put.
    """

    session: TrySession
    settings: Comparison
    files: tuple[TriedFile, ...]
    base: str
    size: tuple[int, int]
    lora: Path

    def lacking(self) -> int:
        """How many of its pictures are not drawn yet."""
        settings, bases = self.settings, (self.base, *self.settings.other_bases)
        rows = (
            Wish.of(settings, self.size, prompt=prompt, seed=seed, label=file.label, base=base)
            for prompt, seed, file, base in product(settings.prompts, settings.seeds, self.files, bases)
        )
        cells = product(rows, settings.strengths)
        return sum(self.session.picture(row, strength) is None for row, strength in cells)

    def ask(self) -> None:
        """Ask for it.

        Raises:
            LoratuiError: it cannot be asked for.
        """
        self.session.fill(self.settings, self.files, self.base, self.size, self.lora)


def open_trial(run: RunDirectory, current: Comparison | None, session: TrySession | None = None) -> Trial | None:
    """Look into a run; None when it has no LoRA file yet.

    Args:
        current: The comparison that the open profile asks for; None where it is not the run's.
        session: What is known of the run's pictures, where it was looked into before.

    Raises:
        LoratuiError: the run cannot be read.
    """
    files = files_to_try(run)
    if not files:
        return None
    profile = run.read_profile()
    settings = current or profile.comparison
    if session is None:
        session = TrySession(run)
        latest = session.latest
    else:
        session.read_comparison()
        latest = None
    kept = kept_strength(run)
    prompts = settings.prompts or _captions(run)
    drawn = next((wish for wish, _ in session.cells if wish.label == files[0].label), None)
    strength = kept.strength if kept else 0.0
    if latest is not None:
        wish, strength = latest
    elif drawn is not None:
        wish = drawn
    else:
        size = (profile.dataset.resolution, profile.dataset.resolution)
        wish = Wish.of(settings, size, prompt=prompts[0], seed=settings.seeds[0], label=files[0].label)
    history = fold(read_landmarks(run.events_path))
    strength = strength or usual(_columns(session, settings, wish, (strength,)))
    grids = [Path(file) for file in outputs(history) if file.endswith(".png")]
    return Trial(
        session=session,
        profile=profile,
        files=files,
        settings=settings,
        strengths=_columns(session, settings, wish, (strength,)),
        wish=wish,
        strength=strength,
        prompts=tuple(prompts),
        is_finished=history.end is not None and history.end["event"] == "finished",
        is_of_profile=current is not None,
        is_chosen=latest is not None,
        kept=kept,
        _grid=grids[-1] if grids else None,
    )


def _columns(session: TrySession, settings: Comparison, wish: Wish, strengths: Sequence[float]) -> tuple[float, ...]:
    """What is set, what is drawn, and the strengths that are looked at or were named."""
    drawn = {column for row, column in session.cells if row == wish}
    return tuple(sorted({0.0, *strengths, *drawn, *settings.strengths}))


def usual(strengths: Sequence[float]) -> float:
    """The strength that is looked at first."""
    return min((one for one in strengths if one), key=lambda one: abs(one - USUAL_STRENGTH), default=USUAL_STRENGTH)


def _captions(run: RunDirectory) -> list[str]:
    try:
        return prompts_from_captions(run.read_manifest()) or [activation_text(run)]
    except LoratuiError:
        return [""]
