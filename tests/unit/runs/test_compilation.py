"""When torch.compile pays, decided from what was measured."""

import pytest

from loratui.profile.schema import Profile
from loratui.runs.compilation import Choice, choose_compilation
from loratui.runs.measured import CompiledMeasurement, Measurement, recall, recall_compiled, remember

FASTER = CompiledMeasurement(compile_seconds=60, seconds_per_step=0.8)


def profile(**settings: object) -> Profile:
    made = Profile()
    for name, value in settings.items():
        section, _, key = name.partition("__")
        setattr(getattr(made, section), key, value)
    return made


@pytest.mark.parametrize(
    ("steps", "seconds", "compiled", "choice"),
    [
        (375, None, None, Choice("", False, "decided once a step is measured")),
        (375, 0.5, None, Choice("", False, "3 min 8 s of steps do not repay it")),
        (375, 5.0, None, Choice("inductor", True, "tried, as the steps take 31 min 15 s")),
        (200, 1.0, FASTER, Choice("", False, "3 min 20 s of steps do not repay it, as measured here")),
        (3000, 1.0, FASTER, Choice("inductor", False, "saves 9 min 0 s of 50 min 0 s")),
        (9999, 0.7, FASTER, Choice("", False, "1 h 56 min of steps do not repay it, as measured here")),
    ],
)
def test_by_itself_it_compiles_only_what_then_takes_less_time_as_a_whole(
    steps: int, seconds: float | None, compiled: CompiledMeasurement | None, choice: Choice
) -> None:
    assert choose_compilation(profile(), steps, seconds, compiled) == choice


@pytest.mark.parametrize("wanted", ["eager", "inductor"])
def test_a_profile_that_asks_for_a_backend_gets_it(wanted: str) -> None:
    asked = profile(accelerate__dynamo=wanted)
    assert choose_compilation(asked, 1, 0.1, None) == Choice(wanted, False, "as the profile asks")


def test_a_profile_that_asks_for_none_gets_none() -> None:
    choice = choose_compilation(profile(accelerate__dynamo="no"), 10**6, 10.0, FASTER)
    assert (choice.backend, choice.why) == ("", "")


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"accelerate__cuda_graphs": True}, "CUDA graphs are used"),
        ({"accelerate__processes": 2}, "several processes train together"),
        ({"network__dropout": 0.1}, "network.dropout draws anew in every step"),
    ],
)
def test_what_stands_against_it_is_said(settings: dict[str, object], why: str) -> None:
    choice = choose_compilation(profile(**settings), 10**6, 1.0, None)
    assert choice == Choice("", False, why)
    assert choice.in_words == f"not compiled: {why}"


def test_plain_and_compiled_measurements_of_the_same_shape_are_told_apart() -> None:
    plain = Measurement(1.0, 2.0, 3)
    remember(["a", "b"], plain)
    remember(["a", "b"], FASTER)
    assert recall(["a"]) == plain
    assert recall_compiled(["b"]) == FASTER
    assert recall_compiled(["a", "c"]) is None
