"""What is asked of the worker that tries strengths: its requests, one a line, and what a row of pictures is.

Both sides know only this file: the session writes requests, the worker reads the newest and answers by events. Knows
nothing of how pictures are drawn; imports no torch.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from loratui.errors import ProfileError
from loratui.profile.schema import Comparison
from loratui.runs.directory import RunDirectory
from loratui.runs.events import Event, EventReader, read_events
from loratui.runs.queue import tickets
from loratui.runs.slots import slot_holders

LAST = "last"
IDLE_SECONDS = 300.0
# Events by which a request is answered.
ANSWERS = ("done", "refused", "superseded")
Kind = Literal["draw", "grid"]


@dataclass(frozen=True)
class Wish:
    """A row of pictures: everything that decides them but the strength.

    Attributes:
        label: Which file of the run: "last" or "epoch 3".
        base: "" is the one that the run was trained on.
        other_loras: Each as "path:strength".
    """

    prompt: str
    negative_prompt: str
    seed: int
    label: str
    base: str
    other_loras: tuple[str, ...]
    steps: int
    guidance: float
    sampler: str
    width: int
    height: int

    @classmethod
    def of(
        cls, settings: Comparison, size: tuple[int, int], *, prompt: str, seed: int, label: str = LAST, base: str = ""
    ) -> "Wish":
        """The row that `settings` draw of a prompt; `size` counts where they say 0."""
        return cls(
            prompt=prompt,
            negative_prompt=settings.negative_prompt,
            seed=seed,
            label=label,
            base=base,
            other_loras=tuple(settings.other_loras),
            steps=settings.steps,
            guidance=settings.guidance,
            sampler=settings.sampler,
            width=settings.width or size[0],
            height=settings.height or size[1],
        )

    @classmethod
    def read(cls, fields: Any) -> "Wish | None":
        """The row that an event tells of; None for an odd one."""
        try:
            return cls(**{**fields, "other_loras": tuple(fields["other_loras"]), "guidance": float(fields["guidance"])})
        except (TypeError, KeyError, ValueError):
            return None

    def settings(self, strengths: tuple[float, ...]) -> Comparison:
        """What is set to draw the row.

        Raises:
            ProfileError: the prompt, a strength or a LoRA cannot be used.
        """
        names = ("negative_prompt", "steps", "guidance", "sampler", "width", "height")
        rows = {"prompts": [self.prompt], "seeds": [self.seed], "strengths": list(strengths)}
        how = {name: getattr(self, name) for name in names}
        return comparison({**how, **rows, "other_loras": list(self.other_loras)})


@dataclass(frozen=True)
class Request:
    """Rows to draw: one ("draw"), or all that a grid shows.

    Attributes:
        settings: Prompts, seeds, strengths and how they are drawn.
        files: The LoRA's files, each with its label.
        base: "" is the one that the run was trained on.
        size: Width and height in pixels where the settings say 0.
        stem: What a grid is called after, in `directory`.
        idle_seconds: For so long the worker waits for the next request.
    """

    id: str
    kind: Kind
    settings: Comparison
    files: tuple[tuple[str, Path], ...]
    base: str
    size: tuple[int, int]
    directory: Path = Path()
    stem: str = ""
    idle_seconds: float = IDLE_SECONDS

    @property
    def first_row(self) -> Wish:
        """The row that is drawn first."""
        prompt, seed, label = self.settings.prompts[0], self.settings.seeds[0], self.files[0][0]
        return Wish.of(self.settings, self.size, prompt=prompt, seed=seed, label=label, base=self.base)

    def fields(self) -> dict[str, Any]:
        """What is written of it, beside its kind."""
        files = [[label, str(path)] for label, path in self.files]
        own = {"settings": self.settings.model_dump(mode="json"), "files": files, "directory": str(self.directory)}
        return {**{name: getattr(self, name) for name in ("id", "base", "size", "stem", "idle_seconds")}, **own}

    @classmethod
    def read(cls, event: Event) -> "Request | None":
        """The request that stands in a line; None for an odd one."""
        try:
            return cls(
                id=str(event["id"]),
                kind=event["event"],
                settings=comparison(event["settings"]),
                files=tuple((str(label), Path(path)) for label, path in event["files"]),
                base=str(event["base"]),
                size=(int(event["size"][0]), int(event["size"][1])),
                directory=Path(event["directory"]),
                stem=str(event["stem"]),
                idle_seconds=float(event["idle_seconds"]),
            )
        except (KeyError, TypeError, ValueError, ProfileError):
            return None


@dataclass
class Asked:
    """What the worker is to do now, of all that was ever asked for.

    A new row takes the place of an older one that is not done, and goes before a grid; a grid is taken up again.
    "cancel" takes everything back that stands before it.
    """

    trying: RunDirectory
    idle_seconds: float = IDLE_SECONDS
    superseded: list[str] = field(default_factory=list)
    _waiting: dict[Kind, Request] = field(default_factory=dict)

    def __post_init__(self) -> None:
        events = read_events(self.trying.events_path)
        self._answered = {event.get("request") for event in events if event["event"] in ANSWERS}
        self._reader = EventReader(requests_path(self.trying))

    def read(self) -> None:
        """Learn what was asked since the last call."""
        for event in self._reader.read():
            if event["event"] == "cancel":
                self.superseded += [request.id for request in self._waiting.values()]
                self._waiting.clear()
            elif event["event"] in ("draw", "grid") and event.get("id") not in self._answered:
                self._take(Request.read(event))

    @property
    def next(self) -> Request | None:
        """What is to be drawn first."""
        return self._waiting.get("draw") or self._waiting.get("grid")

    def is_answered(self, request: Request) -> None:
        """Go on to the next."""
        if self._waiting.get(request.kind) == request:
            del self._waiting[request.kind]

    def _take(self, request: Request | None) -> None:
        if request is None:
            return
        if older := self._waiting.get(request.kind):
            self.superseded.append(older.id)
        self._waiting[request.kind] = request
        self.idle_seconds = request.idle_seconds


def requests_path(trying: RunDirectory) -> Path:
    """Where what was asked stands."""
    return trying.path / "requests.jsonl"


def is_wanted_elsewhere(trying: RunDirectory) -> bool:
    """Whether somebody else waits for the GPU, or the CPU, that is held for trying strengths."""
    held = {slot for slot, holder in slot_holders().items() if holder == str(trying.path)}
    waiting = (ticket for ticket in tickets() if not ticket.starting and ticket.run.path != trying.path)
    return any(not held.isdisjoint(ticket.wish.slots) and ticket.is_living for ticket in waiting)


def comparison(fields: dict[str, Any]) -> Comparison:
    """A comparison's settings from their fields.

    Raises:
        ProfileError: the schema refuses one of them.
    """
    from loratui.profile.store import validated

    return validated({"schema": 1, "comparison": fields}, "").comparison
