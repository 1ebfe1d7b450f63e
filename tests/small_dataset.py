"""A few real pictures with captions, and the frozen run they make."""

from pathlib import Path

from PIL import Image, ImageDraw

from loratui.dataset.checks import check
from loratui.dataset.manifest import Manifest, freeze
from loratui.profile.schema import Accelerate, Comparison, Dataset, Model, Network, Output, Profile, Training
from loratui.runs.directory import RunDirectory, create_run

COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "cyan", "white")


def write_pictures(folder: Path, *, count: int = 6, size: tuple[int, int] = (32, 32)) -> Path:
    """Write `count` pictures of coloured discs with captions into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        colour = COLOURS[number % len(COLOURS)]
        picture = Image.new("RGB", size, "black")
        ImageDraw.Draw(picture).ellipse((4, 4, size[0] - 4 - number, size[1] - 4), fill=colour)
        picture.save(folder / f"{number + 1}.png")
        (folder / f"{number + 1}.txt").write_text(f"Emi, {colour} disc, tag a, tag b", encoding="utf-8")
    return folder


def small_profile(base: Path, pictures: Path, output_directory: Path, /, **sections: dict[str, object]) -> Profile:
    """A profile that trains on `pictures` in a second; `sections` override single fields."""
    defaults: dict[str, dict[str, object]] = {
        "model": {"base": str(base)},
        "dataset": {"path": str(pictures), "repeats": 2, "resolution": 32, "bucketing": False},
        "network": {"rank": 4, "alpha": 4.0},
        "training": {"batch_size": 3, "epochs": 2, "unet_lr": 1e-3},
        "accelerate": {"mixed_precision": "no"},
        "output": {"name": "disc", "directory": str(output_directory)},
        "comparison": {"prompts": ["Emi, red disc"], "steps": 2, "strengths": [0.0, 1.0], "seeds": [1]},
    }
    merged = {name: {**values, **sections.get(name, {})} for name, values in defaults.items()}
    return Profile(
        model=Model(**merged["model"]),
        dataset=Dataset(**merged["dataset"]),
        network=Network(**merged["network"]),
        training=Training(**merged["training"]),
        accelerate=Accelerate(**merged["accelerate"]),
        output=Output(**merged["output"]),
        comparison=Comparison(**merged["comparison"]),
    )


def frozen(profile: Profile) -> Manifest:
    """Check the profile's pictures and freeze them."""
    return freeze(check(profile.dataset, profile.training.batch_size, profile.training.epochs), profile)


def new_run(profile: Profile, root: Path) -> RunDirectory:
    """Make a run directory of `profile` below `root`."""
    return create_run(profile, frozen(profile), root)
