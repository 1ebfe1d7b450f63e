"""When torch.compile pays, decided from what was measured."""

from pathlib import Path
from typing import Any

import pytest

from loratui.dataset.checks import check
from loratui.dataset.manifest import freeze
from loratui.profile.schema import Dataset, Profile
from loratui.runs.compilation import Compilation, choose_compilation, shapes_of
from loratui.runs.measured import CompiledMeasurement, Measurement, recall, recall_compiled, remember
from tests.small_dataset import write_pictures

FASTER = CompiledMeasurement(compile_seconds=60, seconds_per_step=0.8)


def profile(**settings: object) -> Profile:
    made = Profile()
    for name, value in settings.items():
        section, _, key = name.partition("__")
        setattr(getattr(made, section), key, value)
    return made


def choose(
    of: Profile, steps: int, seconds: float | None = None, compiled: CompiledMeasurement | None = None, **how: Any
) -> Compilation:
    return choose_compilation(of, steps, seconds, compiled, **{"shapes": 1, "is_exact": False, **how})


@pytest.mark.parametrize(
    ("steps", "seconds", "compiled", "choice"),
    [
        (375, None, None, Compilation("", False, "unless the first steps show that the run is long")),
        (375, 0.5, None, Compilation("", False, "as 3 min 8 s of steps are too short for it")),
        (375, 5.0, None, Compilation("inductor", True, "kept if steps get faster: they take 31 min 15 s")),
        (200, 1.0, FASTER, Compilation("", False, "as it would not save any of 3 min 20 s")),
        (3000, 1.0, FASTER, Compilation("inductor", False, "as it saves 9 min 0 s of 50 min 0 s")),
        (9999, 0.7, FASTER, Compilation("", False, "as it would not save any of 1 h 56 min")),
    ],
)
def test_by_itself_it_compiles_only_what_then_takes_less_time_as_a_whole(
    steps: int, seconds: float | None, compiled: CompiledMeasurement | None, choice: Compilation
) -> None:
    assert choose(profile(), steps, seconds, compiled) == choice


def test_every_shape_of_a_batch_costs_a_compilation() -> None:
    assert choose(profile(), 500, 1.0, FASTER, shapes=1).backend == "inductor"
    assert choose(profile(), 500, 1.0, FASTER, shapes=2).backend == ""


@pytest.mark.parametrize("wanted", ["eager", "inductor"])
def test_a_profile_that_asks_for_a_backend_gets_it(wanted: str) -> None:
    asked = profile(accelerate__dynamo=wanted)
    assert choose(asked, 1, is_exact=True, shapes=9) == Compilation(wanted, False, "as asked for")


def test_a_profile_that_asks_for_none_gets_none() -> None:
    choice = choose(profile(accelerate__dynamo="no"), 10**6, 10.0, FASTER)
    assert (choice.backend, choice.why) == ("", "")


@pytest.mark.parametrize(
    ("settings", "how", "why"),
    [
        ({"accelerate__cuda_graphs": True}, {}, "as CUDA graphs are used"),
        ({"accelerate__processes": 2}, {}, "as several processes train together"),
        ({"network__dropout": 0.1}, {}, "as network.dropout draws anew in every step"),
        ({}, {"is_exact": True}, "as the same profile shall train the same bytes"),
        ({}, {"shapes": 3}, "as batches come in 3 shapes"),
    ],
)
def test_what_stands_against_it_is_said(settings: dict[str, object], how: dict[str, Any], why: str) -> None:
    choice = choose(profile(**settings), 10**6, 1.0, FASTER, **how)
    assert choice == Compilation("", False, why)
    assert choice.in_words == f"torch.compile: not used, {why}"


def test_shapes_are_full_batches_of_each_bucket_and_what_is_left(tmp_path: Path) -> None:
    write_pictures(tmp_path / "2_wide", count=3, size=(128, 40))
    write_pictures(tmp_path / "3_square", count=2, size=(64, 64))
    settings = Dataset(path=str(tmp_path), resolution=64, min_bucket_reso=32, max_bucket_reso=128, bucket_reso_steps=32)
    made = Profile(dataset=settings)
    manifest = freeze(check(settings), made)
    assert len({image.placement.bucket for image in manifest.images}) == 2
    assert {size: shapes_of(manifest, size) for size in (1, 2, 4, 6, 7)} == {1: 2, 2: 2, 4: 4, 6: 2, 7: 2}


def test_plain_and_compiled_measurements_of_the_same_shape_are_told_apart() -> None:
    plain = Measurement(1.0, 2.0, 3)
    remember(["a", "b"], plain)
    remember(["a", "b"], FASTER)
    assert recall(["a"]) == plain
    assert recall_compiled(["b"]) == FASTER
    assert recall_compiled(["a", "c"]) is None
