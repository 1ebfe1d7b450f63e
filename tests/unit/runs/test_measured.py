"""What a step was measured to cost is found again by what decides it, and by nothing else."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from loratui.profile.schema import Comparison, Profile, Training
from loratui.runs.measured import Measurement, recall, remember, shape_of_step, whole_seconds

FOUND = Measurement(0.5, 2.0, 3 << 30)
SHAPE = shape_of_step(Profile(), "owner/name", (512, 512))


def test_a_measurement_is_found_by_some_of_its_facts() -> None:
    remember(("RTX 2070", "torch 2.6", "torch.float16", *SHAPE), FOUND)
    assert recall(("RTX 2070", *SHAPE)) == FOUND
    assert recall(SHAPE) == FOUND
    assert recall(("RTX 3090", *SHAPE)) is None
    other = Profile(training=Training(batch_size=1))
    assert recall(("RTX 2070", *shape_of_step(other, "owner/name", (512, 512)))) is None


def test_the_latest_counts() -> None:
    for number in (1.0, 2.0):
        remember(("RTX 2070", f"torch {number}", *SHAPE), Measurement(number, 1.0, 1))
    found = recall(("RTX 2070", *SHAPE))
    assert found is not None
    assert found.seconds_per_step == 2.0
    remember(("RTX 2070", "torch 1.0", *SHAPE), Measurement(3.0, 1.0, 1))
    found = recall(("RTX 2070", *SHAPE))
    assert found is not None
    assert found.seconds_per_step == 3.0


def test_what_several_workers_find_at_once_adds_up() -> None:
    def find(gpu: int) -> None:
        for number in range(5):
            time.sleep(0.003)
            remember((f"GPU {gpu}", f"torch {number}", *SHAPE), FOUND)

    with ThreadPoolExecutor(3) as executor:
        list(executor.map(find, range(3)))
    assert all(recall((f"GPU {gpu}", f"torch {number}")) == FOUND for gpu in range(3) for number in range(5))


def test_names_with_commas_are_told_apart() -> None:
    shape = shape_of_step(Profile(), "a, batch 9x9", (512, 512))
    remember(("cpu", *shape), FOUND)
    assert recall(("cpu", *shape)) == FOUND
    assert recall(("cpu", "batch 9x9")) is None


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"cpu": {"pace": 1}}', '{"cpu": 3}'])
def test_a_damaged_memory_is_as_good_as_none(loratui_home: Path, content: str) -> None:
    file = loratui_home / "data" / "preflight.json"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    assert recall(("cpu",)) is None
    remember(("cpu",), FOUND)
    assert recall(("cpu",)) == FOUND


def test_the_whole_counts_steps_validations_and_pictures() -> None:
    profile = Profile(comparison=Comparison(prompts=["a", "b"], strengths=[0.0, 1.0], seeds=[1, 2], epochs=[1]))
    # 100 steps; 11 validations of 8 pictures × 2 timesteps in batches of 2; 2 prompts × 2 seeds × 2 rows × 2 columns
    assert whole_seconds(profile, FOUND, steps=100, epochs=10, images=20, prompts=9) == pytest.approx(
        100 * 0.5 + 11 * (0.5 / 3 * 16 / 2) + 2 * 2 * 2 * 2 * 2.0
    )
    off = Profile(comparison=Comparison(enabled=False))
    assert whole_seconds(off, FOUND, steps=2, epochs=0, images=1, prompts=9) == pytest.approx(1.0 + 0.5 / 3 * 2 / 2)
