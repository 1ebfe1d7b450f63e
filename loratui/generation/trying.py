"""Trying strengths: base and LoRAs stay loaded while a person asks for one picture after the other.

A newer request ends an older one between two steps of the sampler. Knows requests and events; what a stop is, the
caller says.
"""

import contextlib
import functools
import gc
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, Protocol

import torch

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.emphasis import parse_emphasis
from loratui.diffusion.loading import load_base
from loratui.diffusion.lora_loading import LoadedLora, attach_lora
from loratui.errors import LoratuiError
from loratui.generation.cells import CellDrawing
from loratui.generation.check import check_kinds, on_base
from loratui.generation.combination import NamedLora, name_lora, read_companions, set_scene
from loratui.generation.comparison_files import CELLS, Cell, Row
from loratui.generation.matching import check_loras, kind_of
from loratui.generation.of_run import put_beside
from loratui.generation.strength_grid import LoraEpoch, draw_comparison, place_of_row
from loratui.profile.schema import Model
from loratui.runs.directory import RunDirectory
from loratui.runs.trying import Asked, Request, Wish, is_wanted_elsewhere

_INTERVAL = 0.1
_SECONDS_BETWEEN_PROGRESS = 0.2
_SECONDS_BETWEEN_LOOKS = 1.0
_OUT_OF_MEMORY: dict[str, Any] = {
    "what": "OutOfMemory: the GPU's memory does not hold this base, its LoRAs and the picture.",
    "todo": "Close what else uses the GPU, or make the pictures smaller (comparison.width and height).",
}
Leaving = Literal["idle", "wanted"]


class Events(Protocol):
    """Where answers are written."""

    def write(self, kind: str, /, **fields: Any) -> None:
        """Write the event `kind`."""


class _Overtaken(Exception):
    """What is being drawn is not wanted any more, or not now."""


class _Wanted(Exception):
    """Somebody else waits for the device."""


class Trying:
    """The worker's side of one session.

    Args:
        trying: The session's directory; the run's own is the one above.
        device, dtype: For the bases.
        heed: Called between steps; raises what ends the session when it was told to stop.
    """

    def __init__(
        self,
        trying: RunDirectory,
        events: Events,
        device: torch.device,
        dtype: torch.dtype,
        *,
        heed: Callable[[], None],
    ) -> None:
        self._trying = trying
        self._events = events
        self._model = trying.read_profile().model
        self._device = device
        self._dtype = dtype
        self._heed = heed
        self._asked = Asked(trying)
        self._drawn = (trying.path, RunDirectory(trying.path.parent).comparison)
        self._base: BaseModel | None = None
        self._base_name = ""
        self._attached = contextlib.ExitStack()
        self._loaded: tuple[Any, list[LoadedLora]] | None = None
        self._told_at = 0.0
        self._looked_at = time.monotonic()

    def work(self) -> Leaving:
        """Draw what is asked for, until nobody asks any more, or somebody waits for the device.

        A grid that is not done by then stays asked for: whoever waits for it has a worker started again.
        """
        since = time.monotonic()
        while True:
            self._heed()
            self._listen()
            request, now = self._asked.next, time.monotonic()
            if request is not None:
                try:
                    self._answer(request)
                except _Wanted:
                    return "wanted"
                since = time.monotonic()
                continue
            if now - since > self._asked.idle_seconds:
                return "idle"
            if self._is_wanted():
                return "wanted"
            time.sleep(_INTERVAL)

    def _listen(self) -> None:
        self._asked.read()
        while self._asked.superseded:
            self._events.write("superseded", request=self._asked.superseded.pop())

    def _is_wanted(self) -> bool:
        """Whether somebody else waits for the device; looked at now and then."""
        now = time.monotonic()
        if now - self._looked_at < _SECONDS_BETWEEN_LOOKS:
            return False
        self._looked_at = now
        return is_wanted_elsewhere(self._trying)

    def _answer(self, request: Request) -> None:
        kind, fields = "refused", _OUT_OF_MEMORY
        try:
            kind, fields = "done", self._draw(request) if request.kind == "draw" else self._fill(request)
        except _Overtaken:
            return
        except torch.OutOfMemoryError:
            pass  # not unloaded here: the frames that the error holds hold the base
        except LoratuiError as error:
            fields = {"what": error.what, "todo": error.todo}
        if fields is _OUT_OF_MEMORY:
            self._unload()
        self._events.write(kind, request=request.id, **fields)
        self._asked.is_answered(request)

    def _draw(self, request: Request) -> dict[str, Any]:
        """Draw one row."""
        settings, [(label, path), *_] = request.settings, request.files
        # Everything that can be wrong with the words is said before a base is loaded.
        lora, companions = name_lora(path, label), read_companions(settings.other_loras)
        scene = set_scene(settings.prompts[0], [lora], companions)
        parse_emphasis(settings.negative_prompt)
        files = [lora, *(companion.lora for companion in companions)]
        self._check_loaded_anew(request.base, files)
        base = self._base_called(request.base)
        own, *others = self._attach(base, files)
        row = Row(0, scene, settings.seeds[0], lora, base.name)
        wish = request.first_row
        drawing = CellDrawing(
            settings=settings,
            size=(wish.width, wish.height),
            directory=self._trying.path,
            strengths=sorted(settings.strengths),
            on_cell=lambda cell: self._tell(request, cell.path, cell.strength, wish),
            on_progress=lambda done, of: self._go_on(request, done, of),
            drawn=self._drawn,
            steps_to_do=len(settings.strengths) * settings.steps,
        )
        drawing.row(row, base, own, others)
        return {}

    def _fill(self, request: Request) -> dict[str, Any]:
        """Draw all rows of a grid, and put it beside the LoRA."""
        settings = request.settings
        names = [request.base, *settings.other_bases]
        check_kinds(self._settings_of(request.base), settings, [path for _, path in request.files])
        self._detach()
        # Only one base is in memory: where there are several, none stays.
        load = self._base_called if len(names) == 1 else self._load_alone
        loaders = [functools.partial(load, name) for name in names]
        counts = (len(settings.seeds), len(request.files), len(names))
        is_drawing = is_further = False

        def on_progress(done: int, of: int) -> None:
            nonlocal is_drawing
            # Each turn at the device draws at least one cell more than the turn before.
            if is_further and self._is_wanted():
                raise _Wanted
            is_drawing = True
            self._go_on(request, done, of)

        def on_cell(cell: Cell) -> None:
            nonlocal is_further
            is_further = is_drawing
            scene, seed, file, number = place_of_row(cell.row, *counts)
            wish = Wish.of(
                settings,
                request.size,
                prompt=settings.prompts[scene],
                seed=settings.seeds[seed],
                label=request.files[file][0],
                base=names[number],
            )
            self._tell(request, self._keep(cell.path), cell.strength, wish)

        result = draw_comparison(
            loaders,
            settings,
            [LoraEpoch(path, label) for label, path in request.files],
            self._trying.comparison,
            size=request.size,
            on_cell=on_cell,
            on_progress=on_progress,
            drawn=self._drawn,
        )
        return {"grid": put_beside(result.grid, request.directory, request.stem), "cells": len(result.cells)}

    def _go_on(self, request: Request, done: int, of: int) -> None:
        """Tell how far it is, unless something else is to be done first."""
        if time.monotonic() - self._told_at > _SECONDS_BETWEEN_PROGRESS or done == of:
            self._told_at = time.monotonic()
            self._events.write("drawing", request=request.id, done=done, of=of)
        self._heed()
        self._listen()
        if self._asked.next != request:
            raise _Overtaken

    def _tell(self, request: Request, file: Path, strength: float, wish: Wish) -> None:
        self._events.write("cell", request=request.id, file=file, strength=strength, wish=asdict(wish))

    def _keep(self, cell: Path) -> Path:
        """Have a grid's cell among those of single rows too: the next grid takes its own away."""
        kept = self._trying.path / CELLS / f"row001_{cell.name.partition('_')[2]}"
        if kept.exists():
            return kept
        kept.parent.mkdir(exist_ok=True)
        try:
            os.link(cell, kept)
        except OSError:  # a disk without links
            shutil.copyfile(cell, kept)
        return kept

    def _base_called(self, name: str) -> BaseModel:
        """The base of that name, loaded; another one goes first."""
        if self._base is None or self._base_name != name:
            self._unload()
            self._base, self._base_name = self._load(name), name
        return self._base

    def _load_alone(self, name: str) -> BaseModel:
        """A base that is not kept."""
        base = self._base_called(name)
        self._base = None
        return base

    def _load(self, name: str) -> BaseModel:
        self._events.write("loading", base=name)
        return load_base(self._settings_of(name), device=self._device, dtype=self._dtype)

    def _settings_of(self, name: str) -> Model:
        return on_base(self._model, name) if name else self._model

    def _check_loaded_anew(self, base: str, files: list[NamedLora]) -> None:
        """Say before seconds of loading that LoRAs and base do not belong together; what is loaded was checked."""
        if self._loaded is None or self._base_name != base or self._loaded[0] != _wanted(files):
            check_loras([file.path for file in files], [kind_of(self._settings_of(base))])

    def _attach(self, base: BaseModel, files: list[NamedLora]) -> list[LoadedLora]:
        """These LoRAs on the base, in this order and none beside them."""
        wanted = _wanted(files)
        if self._loaded is None or self._loaded[0] != wanted:
            self._detach()
            with contextlib.ExitStack() as attached:
                loras = [attached.enter_context(attach_lora(base, file.path)) for file in files]
                self._attached = attached.pop_all()
            self._loaded = (wanted, loras)
        return self._loaded[1]

    def _detach(self) -> None:
        self._attached.close()
        self._loaded = None

    def _unload(self) -> None:
        self._detach()
        self._base = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _wanted(files: list[NamedLora]) -> list[tuple[Path, str]]:
    return [(file.path, file.digest) for file in files]
