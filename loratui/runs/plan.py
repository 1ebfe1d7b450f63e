"""What a run would do, before it does it: pictures, steps, files and room, from the frozen list of pictures.

The steps come from the same schedule over the same manifest that the worker trains by, so the plan cannot differ from
the run. Nothing is written here.
"""

import importlib.util
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from loratui.dataset.captions import PROMPTS_FROM_CAPTIONS
from loratui.dataset.checks import Report
from loratui.dataset.manifest import Manifest, freeze
from loratui.dataset.problems import Problem
from loratui.dataset.schedule import steps_per_epoch, total_steps
from loratui.environment.cpu import has_bf16_units
from loratui.environment.gpu import has_amd_driver, visible_gpus
from loratui.errors import BaseModelError, RunError
from loratui.hub.checkpoint import check_vae, check_whole, read_checkpoint
from loratui.hub.models import BaseLocation, fetch, locate
from loratui.hub.presence import Presence, presence
from loratui.lora_file.install import lora_folder
from loratui.lora_file.naming import epoch_filename, last_filename
from loratui.paths import runs_directory
from loratui.profile.schema import Profile
from loratui.runs.base_parameters import Parameters, parameters_of
from loratui.runs.compilation import Compilation, choose_compilation, hindrances_of, shapes_of
from loratui.runs.launcher import check_accelerate
from loratui.runs.lora_size import lora_bytes, lora_parameters
from loratui.runs.measured import recall, recall_compiled, shape_of_step
from loratui.runs.places import DiskNeed, check_room, check_writable
from loratui.runs.plan_warnings import plan_warnings
from loratui.safe_text import printable

# Two resume checkpoints are kept while a third is written.
_STATES = 3


@dataclass(frozen=True)
class PlannedFolder:
    """Pictures that share a folder and therefore their repeats."""

    path: str
    images: int
    repeats: int
    regularisation: bool


@dataclass(frozen=True)
class PlannedBucket:
    """A training size with the pictures in it, and how many samples an epoch takes from them."""

    width: int
    height: int
    images: int
    samples: int


@dataclass(frozen=True)
class Plan:
    """What a run would do; `manifest` is what it would train on, so that nothing is read twice.

    Attributes:
        compilation: What is known before about torch.compile.
        warnings: What to think over, although the run can go on.
    """

    name: str
    base: BaseLocation
    manifest: Manifest
    images: int
    regularisation_images: int
    folders: tuple[PlannedFolder, ...]
    buckets: tuple[PlannedBucket, ...]
    batch_size: int
    epochs: int
    batches_per_epoch: int
    steps_per_epoch: int
    steps: int
    files: tuple[Path, ...]
    disk: tuple[DiskNeed, ...]
    compilation: Compilation
    warnings: tuple[Problem, ...] = ()


def make_plan(profile: Profile, report: Report) -> Plan:
    """Work out what `profile` would do with the pictures of `report`, and refuse what could not go well.

    Args:
        profile: With `output.name` set.
        report: The check of `profile.dataset`, without a problem that stops.

    Raises:
        LoratuiError: the base is not there, an output cannot be written, or a disk is too small.
    """
    base = _present(profile.model.base)
    found = presence(profile.model.base)
    if not found.suits(profile.model):
        raise BaseModelError(found.note)
    if found.path is not None and not profile.model.config:
        check_whole(found.path, with_vae=not profile.model.vae)
    _check_noise(profile, found)
    _check_named(profile)
    if profile.model.vae and (vae := locate(profile.model.vae)).path is not None:
        check_vae(vae.path)
    output = Path(profile.output.directory)
    check_writable(output, "output.directory")
    check_writable(runs_directory(), "LORATUI_HOME")
    for directory in profile.output.install_to:
        lora_folder(directory)
    _check_engine(profile)

    manifest = freeze(report, profile)
    training, processes = profile.training, profile.accelerate.processes
    per_epoch = steps_per_epoch(manifest, training.batch_size, processes, training.gradient_accumulation)
    steps = total_steps(manifest, profile)
    epochs = -(-steps // per_epoch) if per_epoch else 0
    saved = saved_epochs(profile, epochs)
    _check_compared_epochs(profile, saved, epochs)
    files = _files(profile, output, saved)
    _check_files(files)
    parameters = parameters_of(found)
    disk = (
        DiskNeed(output, _output_bytes(profile, found, parameters, len(saved) + 1)),
        DiskNeed(runs_directory(), _run_bytes(profile, manifest) + _STATES * _state_bytes(profile, found, parameters)),
    )
    check_room(disk)
    trained = [image for image in manifest.images if not image.regularisation]
    return Plan(
        name=profile.output.name,
        base=base,
        manifest=manifest,
        images=len(trained),
        regularisation_images=len(manifest.images) - len(trained),
        folders=_folders(manifest),
        buckets=_buckets(manifest),
        batch_size=training.batch_size,
        epochs=epochs,
        batches_per_epoch=report.batches_per_epoch,
        steps_per_epoch=per_epoch,
        steps=steps,
        files=files,
        disk=disk,
        compilation=_compilation(profile, base, manifest, steps),
        warnings=plan_warnings(profile, found, manifest),
    )


def _compilation(profile: Profile, base: BaseLocation, manifest: Manifest, steps: int) -> Compilation:
    """Decide by what this computer measured before, whatever its device was called."""
    largest = max((image.placement.bucket for image in manifest.images), key=math.prod)
    facts = shape_of_step(profile, base.name, largest)
    known, settings = recall(facts), profile.accelerate
    on_cpu = settings.device == "cpu" or (settings.device == "auto" and not (visible_gpus() or has_amd_driver()))
    in_fp32 = settings.mixed_precision == "no" or (settings.mixed_precision == "auto" and not has_bf16_units())
    return choose_compilation(
        profile,
        steps,
        known.seconds_per_step if known else None,
        recall_compiled(facts),
        shapes=shapes_of(manifest, profile.training.batch_size),
        is_exact=on_cpu and in_fp32,
    )


def _present(base: str) -> BaseLocation:
    """Where `base` lies; one on this computer must be there, one on the hub is not asked for."""
    location = locate(base)
    if location.path is not None:
        fetch(location)
    return location


def _check_noise(profile: Profile, base: Presence) -> None:
    """Refuse a schedule that ends in pure noise for a base that is known to predict the noise."""
    model = profile.model
    if model.zero_terminal_snr != "on" or model.prediction != "auto" or base.path is None:
        return
    if read_checkpoint(base.path).prediction == "epsilon":
        raise BaseModelError(
            f"model.zero_terminal_snr is on, but {printable(base.location.name)} predicts the noise (epsilon), and of "
            "pure noise there is no picture to be had by that.",
            "Set it to auto, or model.prediction to v_prediction where the base was trained so.",
        )


def _check_named(profile: Profile) -> None:
    """Refuse a VAE, configs and bases to compare on that are not there, all of them at once.

    Raises:
        BaseModelError: One or more are not.
    """
    named = {"model.vae": [profile.model.vae], "comparison.other_bases": profile.comparison.other_bases}
    missing = []
    for setting, names in named.items():
        for name in filter(None, names):
            try:
                _present(name)
            except BaseModelError as error:
                missing.append((f"{setting}: {error.what}", error.todo))
    if profile.model.config and not Path(profile.model.config).expanduser().is_dir():
        shown = printable(profile.model.config)
        missing.append((f"model.config: There is no folder {shown}.", "Name a diffusers folder, or leave it empty."))
    if missing:
        raise BaseModelError(
            " ".join(what for what, _ in missing), " ".join(dict.fromkeys(todo for _, todo in missing))
        )


def _folders(manifest: Manifest) -> tuple[PlannedFolder, ...]:
    counted = Counter((image.folder, image.repeats, image.regularisation) for image in manifest.images)
    return tuple(
        PlannedFolder(folder, images, repeats, regularisation)
        for (folder, repeats, regularisation), images in counted.items()
    )


def _buckets(manifest: Manifest) -> tuple[PlannedBucket, ...]:
    images: Counter[tuple[int, int]] = Counter()
    samples: Counter[tuple[int, int]] = Counter()
    for image in manifest.images:
        images[image.placement.bucket] += 1
        samples[image.placement.bucket] += image.repeats
    return tuple(PlannedBucket(*size, images[size], samples[size]) for size in sorted(images))


def saved_epochs(profile: Profile, epochs: int) -> range:
    """The epochs whose own files will be there in the end, beside the last one's."""
    saved = range(profile.training.save_every, epochs, profile.training.save_every)
    return saved[-profile.training.keep_last :] if profile.training.keep_last else saved


def _check_engine(profile: Profile) -> None:
    """Refuse what this installation cannot do."""
    check_accelerate(profile.accelerate, has_gpu=bool(visible_gpus()) or has_amd_driver())
    hindrance = next((words for words, holds in hindrances_of(profile).items() if holds), "")
    if profile.accelerate.dynamo not in ("auto", "no") and hindrance:
        raise RunError(
            f"accelerate.dynamo is {profile.accelerate.dynamo}, but this training cannot be compiled, {hindrance}.",
            "Set accelerate.dynamo to auto.",
        )
    if profile.training.optimizer == "adamw8bit" and importlib.util.find_spec("bitsandbytes") is None:
        raise RunError(
            "training.optimizer is adamw8bit, but the package bitsandbytes is not installed.",
            "Install it (pip install 'loratui[adamw8bit]'), or set training.optimizer to adamw.",
        )


def _check_compared_epochs(profile: Profile, saved: range, last: int) -> None:
    missing = [epoch for epoch in profile.comparison.epochs if epoch not in saved and epoch != last]
    if profile.comparison.enabled and missing:
        there = f"{saved[0]} to {saved[-1]} in steps of {saved.step}" if saved else "none"
        raise RunError(
            f"comparison.epochs asks for epoch {missing[0]}, which will not be among the saved ones "
            f"({there}; the last is always drawn).",
            "Choose among them, or change training.save_every and training.keep_last.",
        )


def _files(profile: Profile, output: Path, saved: range) -> tuple[Path, ...]:
    """Everything that will lie in the output directory when the run has finished."""
    name = profile.output.name
    names = [epoch_filename(name, epoch) for epoch in saved]
    names.append(last_filename(name))
    if profile.comparison.enabled:
        names.append(f"{name}-grid.png")
    return tuple(output / filename for filename in names)


def _check_files(files: Iterable[Path]) -> None:
    """Refuse a place where no file can be put; --force replaces files only."""
    for file in files:
        if file.is_dir():
            raise RunError(
                f"{printable(file)} cannot be written: a directory is there.",
                "Rename or remove it, or set output.name to another name.",
            )


def _output_bytes(profile: Profile, base: Presence, parameters: Parameters | None, files: int) -> int:
    grid = _grid_bytes(profile) if profile.comparison.enabled else 0
    return lora_bytes(profile, base, parameters) * files + grid


def _state_bytes(profile: Profile, base: Presence, parameters: Parameters | None) -> int:
    """A resume checkpoint: masters and AdamW's two moments in fp32."""
    return lora_parameters(profile, base, parameters) * 3 * 4


def _run_bytes(profile: Profile, manifest: Manifest) -> int:
    """Cached VAE moments (8 channels at an eighth of the side, fp32) and the grid."""
    pixels = sum(image.placement.bucket[0] * image.placement.bucket[1] for image in manifest.images)
    moments = pixels // 64 * 8 * 4 * (2 if profile.dataset.flip else 1)
    return moments + (_grid_bytes(profile) if profile.comparison.enabled else 0)


def _grid_bytes(profile: Profile) -> int:
    """A drawn picture compresses to about two bytes a pixel."""
    comparison, side = profile.comparison, profile.dataset.resolution
    rows = (len(comparison.prompts) or PROMPTS_FROM_CAPTIONS) * len(comparison.seeds) * (1 + len(comparison.epochs))
    cells = rows * len(comparison.strengths) * (1 + len(comparison.other_bases))
    return cells * (comparison.width or side) * (comparison.height or side) * 2
