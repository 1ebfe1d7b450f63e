"""A training with compiled blocks: the same LoRA, also after a resume; plain where compiling fails or is slow."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch._inductor.config as inductor_config
from diffusers.models.attention import BasicTransformerBlock
from safetensors.torch import load_file

from loratui.diffusion.base_model import BaseModel
from loratui.profile.schema import Profile
from loratui.runs import compilation, measured
from loratui.training import rehearsal
from tests.small_dataset import small_profile, write_pictures
from tests.training_in_pieces import Killed, Training, kill_at


@pytest.fixture(autouse=True)
def plain_afterwards() -> Iterator[None]:
    yield
    torch.compiler.reset()
    torch.compiler.set_stance("default")


@pytest.fixture
def profile(tiny_base_directory: Path, tmp_path: Path) -> Profile:
    return small_profile(tiny_base_directory, write_pictures(tmp_path / "2_disc"), tmp_path / "out")


def train(profile: Profile, root: Path, dynamo: str) -> Training:
    profile.accelerate.dynamo = dynamo  # type: ignore[assignment]
    profile.output.directory = str(root / dynamo)
    return Training(profile, root / f"runs-{dynamo}")


def assert_same(first: Path, second: Path) -> None:
    ours, theirs = load_file(first), load_file(second)
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor.float(), theirs[name].float(), rtol=1e-3, atol=1e-4)


def test_compiled_blocks_train_the_same_lora(profile: Profile, tmp_path: Path) -> None:
    compiled = train(profile, tmp_path, "aot_eager")
    trained = compiled.go()
    (told,) = compiled.events("compilation")
    assert told["backend"] == "aot_eager"
    plain = train(profile, tmp_path, "no")
    assert_same(trained.lora, plain.go().lora)
    assert not plain.events("compilation")
    steps = [[event["loss"] for event in training.events("step")] for training in (compiled, plain)]
    assert steps[0] == pytest.approx(steps[1], rel=1e-4)


def test_only_training_steps_are_compiled(profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One shape, one compilation: neither previews nor validations, which have others, ask for more."""
    seen = []

    def backend(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> object:
        seen.append(torch.is_grad_enabled())
        return graph.forward

    monkeypatch.setitem(torch._dynamo.backends.registry._COMPILER_FNS, "eager", backend)
    training = train(profile, tmp_path, "eager")
    kinds: set[int] = set()

    def watch(base: BaseModel) -> None:
        blocks = [module for module in base.unet.modules() if isinstance(module, BasicTransformerBlock)]
        kinds.update(block.norm1.normalized_shape[0] for block in blocks)

    training.go(watch=watch)
    assert training.events("validation")
    assert training.events("preview")
    assert seen == [True] * len(kinds)


def test_a_resumed_training_computes_as_before(profile: Profile, tmp_path: Path) -> None:
    whole = train(profile, tmp_path, "aot_eager").go()
    killed = Training(profile, tmp_path / "runs-killed")
    with pytest.raises(Killed):
        killed.go(before_forward=kill_at(8))
    compiled: list[bool] = []
    resumed = killed.go(between=lambda recipe: compiled.append(recipe._bench.step.is_compiled))
    assert killed.events("resumed")
    assert compiled == [True]
    first, second = load_file(whole.lora), load_file(resumed.lora)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_compiled_blocks_that_fail_in_the_middle_are_left(
    profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a resume comes to a computer without a compiler."""
    plain = train(profile, tmp_path, "no").go()
    killed = train(profile, tmp_path, "aot_eager")
    with pytest.raises(Killed):
        killed.go(before_forward=kill_at(8))
    torch.compiler.reset()

    def fail(*_: object, **__: object) -> object:
        raise AssertionError("strides are others")

    monkeypatch.setitem(torch._dynamo.backends.registry._COMPILER_FNS, "aot_eager", fail)
    resumed = killed.go()
    assert [event["backend"] for event in killed.events("compilation")] == ["aot_eager", ""]
    assert "strides are others" in killed.events("compilation")[1]["why"]
    assert_same(resumed.lora, plain.lora)


def test_a_trial_that_runs_out_of_memory_changes_nothing(
    profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> object:
        raise torch.OutOfMemoryError("CUDA out of memory")

    plain = train(profile, tmp_path, "no").go()
    monkeypatch.setitem(torch._dynamo.backends.registry._COMPILER_FNS, "eager", fail)
    compiled = train(profile, tmp_path, "eager")
    trained = compiled.go()
    assert [event["backend"] for event in compiled.events("compilation")] == [""]
    recovered = [event["what"] for event in compiled.events("recovered")]
    assert all(event["loss"] for event in compiled.events("step"))
    assert len(recovered) <= 2
    ours, theirs = load_file(trained.lora), load_file(plain.lora)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_without_a_compiler_the_training_goes_on_plainly(
    profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inductor_config.cpp, "cxx", ("no-such-compiler",))
    monkeypatch.setattr(inductor_config, "force_disable_caches", True)
    compiled = train(profile, tmp_path, "inductor")
    trained = compiled.go()
    (told,) = compiled.events("compilation")
    assert told["backend"] == ""
    assert told["why"].startswith("as it fails: ")
    ours, plain = load_file(trained.lora), load_file(train(profile, tmp_path, "no").go().lora)
    assert all(torch.equal(ours[name], plain[name]) for name in plain)


@pytest.mark.parametrize("is_worth_it", [True, False])
def test_a_trial_keeps_what_is_faster(
    profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_worth_it: bool
) -> None:
    """Which of the two is faster on so small a base is chance: the bar is put above or below everything."""
    monkeypatch.setattr(compilation, "_LEAST_SECONDS_FOR_A_TRIAL", 0.0)
    profile.accelerate.mixed_precision = "bf16"  # in fp32 a CPU promises the same bytes
    monkeypatch.setattr(rehearsal, "_WORTH_KEEPING", 1e9 if is_worth_it else 0.0)
    # The trial is of inductor, which takes half a minute; what it decides is the same with a backend that does nothing.
    monkeypatch.setitem(
        torch._dynamo.backends.registry._COMPILER_FNS, "inductor", lambda graph, inputs, **_: graph.forward
    )
    training = train(profile, tmp_path, "auto")
    training.go()
    (told,) = training.events("compilation")
    assert told["backend"] == ("inductor" if is_worth_it else "")
    assert "s a step with it" in told["why"]
    facts = next(key for key in measured._file().read_text().split('"') if "compiled by" in key)
    assert measured.recall_compiled([facts.split(", ")[0]]) is not None
