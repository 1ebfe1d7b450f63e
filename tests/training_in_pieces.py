"""A training in this process that can be ended anywhere and begun again, as after a kill."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from loratui.diffusion.base_model import BaseModel
from loratui.profile.schema import Profile
from loratui.runs.commands import commands_size
from loratui.runs.directory import RunDirectory
from loratui.runs.events import Event, EventWriter, read_events
from loratui.training.processes import Processes
from loratui.training.recipe import Recipe, TrainingResult
from loratui.training.requests import Requests
from tests.small_dataset import new_run, small_profile, write_pictures

Hook = Callable[[torch.nn.Module, Any], None]


def profile_in_pieces(base: Path, directory: Path) -> Profile:
    """A profile of three epochs of three steps on pictures in `directory`."""
    return small_profile(
        base,
        write_pictures(directory / "2_disc"),
        directory / "out",
        training={"batch_size": 4, "epochs": 3, "accept_smaller": True},
    )


class Training:
    """A run that can be trained in pieces, each by a new recipe as after a new start."""

    def __init__(self, profile: Profile, root: Path) -> None:
        self.profile = profile
        self.run: RunDirectory = new_run(profile, root)
        self.attempt = 0

    def go(
        self,
        before_forward: Hook | None = None,
        after_forward: Callable[[torch.nn.Module, Any, Any], None] | None = None,
        between: Callable[[Recipe], None] | None = None,
        watch: Callable[[BaseModel], None] | None = None,
    ) -> TrainingResult:
        self.attempt += 1
        with EventWriter(self.run.events_path, self.attempt) as events:
            recipe = Recipe(
                self.run,
                events,
                Requests(self.run, commands_size(self.run.commands_path)),
                Processes(torch.device("cpu")),
            )
            base = recipe.setup()
            if before_forward is not None:
                base.unet.register_forward_pre_hook(before_forward)
            if after_forward is not None:
                base.unet.register_forward_hook(after_forward)
            if watch is not None:
                watch(base)
            if between is not None:
                between(recipe)
            recipe.train()
            return recipe.finish()

    def events(self, kind: str) -> list[Event]:
        return [event for event in read_events(self.run.events_path) if event["event"] == kind]


class Killed(BaseException):
    """Stands for the end of the process: nothing may catch it."""


def kill_at(forward: int) -> Hook:
    """A hook that ends the process at the n-th forward pass."""
    left = [forward]

    def hook(module: torch.nn.Module, inputs: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    return hook
