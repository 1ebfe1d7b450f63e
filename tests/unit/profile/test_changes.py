"""`--set` and relative paths."""

from pathlib import Path
from typing import Any

import pytest

from loratui.errors import ProfileError
from loratui.profile.changes import apply_overrides, resolve_paths
from loratui.profile.schema import Comparison, Dataset, Model, Output, Profile


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("training.batch_size=1", 1),
        ("training.batch_size = 1", 1),
        ("training.unet_lr=1e-4", 1e-4),
        ("network.alpha=16", 16.0),
        ("comparison.seeds=[1,2]", [1, 2]),
        ("comparison.seeds=1,2", [1, 2]),
        ("comparison.seeds=3", [3]),
        ("comparison.strengths=0.5, 1", [0.0, 0.5, 1.0]),
        ("comparison.prompts=Emi, smiling", ["Emi, smiling"]),
        ('comparison.prompts=["Emi", "a=b"]', ["Emi", "a=b"]),
        ("output.install_to=/a b", ["/a b"]),
        ('comparison.prompts="Emi", "a=b"', ["Emi", "a=b"]),
        ('comparison.prompts=Emi, "smiling"', ['Emi, "smiling"']),
        ('dataset.trigger="[V] girl"', "[V] girl"),
        ("output.name=emi", "emi"),
        ('output.name="emi"', "emi"),
        ("output.name=5", "5"),
        ("output.name=true", "true"),
        ("output.name=", ""),
        ("model.base=/models/x=y.safetensors", "/models/x=y.safetensors"),
        ("dataset.trigger=1979-05-27", "1979-05-27"),
        ("dataset.resolution=768,768", 768),
        ("dataset.flip=true", True),
        ("dataset.flip=True", True),
        ("dataset.max_token_length=150", 150),
        ("accelerate.mixed_precision=no", "no"),
        ("comparison.sampler=DPM++ 2M Karras", "DPM++ 2M Karras"),
    ],
)
def test_values_are_read_as_a_person_writes_them(override: str, value: Any) -> None:
    profile = Profile()
    section, key = override.partition("=")[0].strip().split(".")
    assert getattr(getattr(apply_overrides(profile, [override]), section), key) == value
    assert profile == Profile()


def test_later_overrides_win_and_fields_may_change_together() -> None:
    changes = ["training.epochs=3", "training.epochs=4", "dataset.resolution=64", "dataset.bucketing=false"]
    profile = apply_overrides(Profile(), changes)
    assert (profile.training.epochs, profile.dataset.resolution) == (4, 64)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("batch_size=1", "did you mean training.batch_size?"),
        ("trainng.batch_size=1", "did you mean training.batch_size?"),
        ("training.batchsize=1", "did you mean training.batch_size?"),
        ("training.learning_rate=1", "did you mean training.unet_lr?"),
        ("training.batch_size", "gives no value"),
        ("training.batch_size=two", "training.batch_size must be a whole number of at least 1, not 'two'."),
        ("output.directory=", "output.directory must not be empty."),
        ("training.batch_size=", "training.batch_size must be a whole number of at least 1, not ''."),
        ("training.batch_size=1\nepochs=2", "must be a whole number"),
        ("training.token=hf_abcdefghijk", "never go in a profile"),
        ("model.base.x=1", "is not a setting"),
        ('comparison.prompts=["a"', "the value of comparison.prompts begins like a list but is not one"),
        ("comparison.prompts={a", "begins like a table but is not one"),
        ('comparison.prompts="a', "begins like a text in quotes but is not one"),
        ("comparison.prompts=[red] hair", "begins like a list but is not one"),
        ("dataset.trigger=[V] girl", "begins like a list but is not one"),
        ("output.name='emi", "begins like a text in quotes but is not one"),
        ("schema=1", "is not a setting"),
        ("=1", "is not a setting"),
        ("", "gives no value"),
        ("output.name=../../x", "output.name must be a plain name"),
        ("dataset.path=\udcff", "must be UTF-8 text"),
        ("dataset.resolution=64", "dataset.min_bucket_reso"),
    ],
)
def test_what_is_wrong_is_said(override: str, words: str) -> None:
    with pytest.raises(ProfileError) as caught:
        apply_overrides(Profile(), [override])
    assert words in caught.value.what
    assert caught.value.what.startswith("--set: ")
    assert caught.value.todo
    assert "abcdefghijk" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "todo"),
    [
        ("""comparison.prompts=["a']""", """What begins with " ends with ", not with '."""),
        ("""comparison.prompts=['a', "b']""", """What begins with " ends with ", not with '."""),
        ("comparison.other_loras=['a:0.5\"]", """What begins with ' ends with ', not with "."""),
        ("comparison.prompts=[“a”]", """“ is no quote here: use " or '."""),
        ("comparison.prompts=[a, b]", "Put its texts in quotes, with commas between"),
        ("""comparison.prompts=["it's" """, "Close it. Or, if it is text"),
        ("comparison.prompts=['it", "Close its quotes."),
        ("output.name='emi", "Close its quotes."),
        ("dataset.trigger=[V] girl", "Put it in quotes, if it is text: --set 'dataset.trigger=\"[…\"'"),
    ],
)
def test_a_value_that_cannot_be_read_is_told_by_its_quotes_and_brackets(override: str, todo: str) -> None:
    with pytest.raises(ProfileError) as caught:
        apply_overrides(Profile(), [override])
    assert caught.value.todo.startswith(todo)


def test_an_option_of_its_own_is_named_instead_of_the_setting() -> None:
    with pytest.raises(ProfileError) as caught:
        apply_overrides(Profile(), ["training.batch_size=0"], {"training.batch_size": "--batch-size"})
    assert caught.value.what == "--batch-size must be a whole number of at least 1, not 0."


def test_a_working_directory_that_no_profile_can_hold_is_refused(tmp_path: Path) -> None:
    profile = Profile(dataset=Dataset(path="IMG"))
    for name in ("\x1b", "\udcff"):
        with pytest.raises(ProfileError, match="Rename the folder") as caught:
            resolve_paths(profile, tmp_path / name)
        assert name not in str(caught.value)


def test_relative_paths_are_taken_from_the_given_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/emi")
    (tmp_path / "bases" / "local").mkdir(parents=True)
    profile = Profile(
        model=Model(base="bases/local", vae="./vae.safetensors", config="configs"),
        dataset=Dataset(path="IMG", regularisation_path="../reg"),
        output=Output(directory="output", install_to=["~/forge", "/opt/a1111"]),
        comparison=Comparison(
            other_bases=["owner/name", "~/x.safetensors", "demo", "o/r/x.safetensors"],
            other_loras=["a.safetensors:0.5"],
        ),
    )
    resolved = resolve_paths(profile, tmp_path)
    assert resolved.model == Model(
        base=str(tmp_path / "bases/local"), vae=str(tmp_path / "vae.safetensors"), config=str(tmp_path / "configs")
    )
    assert resolved.dataset.path == str(tmp_path / "IMG")
    assert resolved.dataset.regularisation_path == str(tmp_path.parent / "reg")
    assert resolved.output.directory == str(tmp_path / "output")
    assert resolved.output.install_to == ["/home/emi/forge", "/opt/a1111"]
    assert resolved.comparison.other_bases == ["owner/name", "/home/emi/x.safetensors", "demo", "o/r/x.safetensors"]
    assert resolved.comparison.other_loras == [f"{tmp_path}/a.safetensors:0.5"]
    assert profile.dataset.path == "IMG"
    assert resolve_paths(resolved, Path("/elsewhere")) == resolved


def test_empty_paths_and_hub_ids_stay(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    profile = resolve_paths(Profile(model=Model(base="demo")), tmp_path)
    assert (profile.model.base, profile.model.vae, profile.dataset.path) == ("demo", "", "")
    assert resolve_paths(Profile(), tmp_path).model.base == Profile().model.base


def test_an_unknown_home_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="home directory"):
        resolve_paths(Profile(dataset=Dataset(path="~nobody-of-that-name/x")), tmp_path)
