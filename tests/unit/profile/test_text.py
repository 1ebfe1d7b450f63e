"""Values as text and back: a form, `--set` and TOML understand the same."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratui.profile.changes import apply_overrides
from loratui.profile.demo import demo_profile
from loratui.profile.groups import all_settings, changed, setting_named, why_not, why_not_text
from loratui.profile.schema import Comparison, Dataset, Profile
from loratui.profile.text import field_text, read_text

SETTINGS = {setting.name: setting for setting in all_settings()}


@pytest.mark.parametrize("profile", [Profile(), demo_profile()], ids=["new", "demo"])
def test_every_value_survives_being_typed(profile: Profile) -> None:
    for setting in SETTINGS.values():
        value = setting.value(profile)
        text = field_text(value, setting.field)
        assert read_text(text, setting.field) == value, setting.name
        assert why_not_text(profile, setting, text) == ""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("training.batch_size", " 1 "),
        ("training.unet_lr", "1e-4"),
        ("network.alpha", "16"),
        ("comparison.seeds", "[1,2]"),
        ("comparison.seeds", "1, 2"),
        ("comparison.strengths", "0.5,1"),
        ("comparison.prompts", "Emi, smiling"),
        ("comparison.prompts", '["Emi", "a=b"]'),
        ("comparison.prompts", '"Emi", "a=b"'),
        ("comparison.prompts", 'Emi, "smiling"'),
        ("comparison.prompts", ""),
        ("output.install_to", "/a b"),
        ("dataset.trigger", '"[V] girl"'),
        ("output.name", "5"),
        ("output.name", "true"),
        ("output.name", ""),
        ("dataset.resolution", "768,768"),
        ("dataset.flip", "True"),
        ("dataset.max_token_length", "150"),
        ("accelerate.mixed_precision", "no"),
    ],
)
def test_a_form_reads_what_the_command_line_reads(name: str, text: str) -> None:
    setting = setting_named(name)
    typed = changed(Profile(), {name: read_text(text, setting.field)})
    assert typed == apply_overrides(Profile(), [f"{name}={text}"])


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("comparison.seeds", "1\n2", [1, 2]),
        ("comparison.seeds", "1, 2\n\n3\n", [1, 2, 3]),
        ("comparison.prompts", "Emi, night\nEmi, 読書", ["Emi, night", "Emi, 読書"]),
        ("comparison.prompts", "5\ntrue", ["5", "true"]),
        ("comparison.prompts", "[red] hair", ["[red] hair"]),
        ("comparison.prompts", "(masterpiece:1.2), Emi", ["(masterpiece:1.2), Emi"]),
        ("dataset.trigger", "[V] girl", "[V] girl"),
    ],
)
def test_a_list_has_one_entry_a_line_and_text_needs_no_quotes(name: str, text: str, value: Any) -> None:
    setting = setting_named(name)
    assert read_text(text, setting.field) == value
    assert why_not_text(Profile(), setting, text) == ""


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("training.unet_lr", 2e-4, "2e-4"),
        ("training.text_encoder_lr", 5e-5, "5e-5"),
        ("training.unet_lr", 0.00012345678, "0.00012345678"),
        ("network.alpha", 8.0, "8"),
        ("training.warmup", 0.05, "0.05"),
        ("training.steps", 10_000_000, "10000000"),
        ("comparison.seeds", [7, 8], "7\n8"),
        ("comparison.negative_prompt", "a\nb", '"a\\nb"'),
        ("dataset.trigger", '"Emi"', "'\"Emi\"'"),
    ],
)
def test_values_are_written_as_a_person_would(name: str, value: Any, text: str) -> None:
    field = setting_named(name).field
    assert read_text(field_text(value, field), field) == value
    assert field_text(value, field).replace('"\\"Emi\\""', "'\"Emi\"'") == text


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_any_text_survives(text: str) -> None:
    field = Dataset.model_fields["trigger"]
    assert read_text(field_text(text, field), field) == text


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(str.strip), max_size=4)
)
def test_any_list_of_texts_survives(entries: list[str]) -> None:
    field = Comparison.model_fields["prompts"]
    assert read_text(field_text(entries, field), field) == entries


def test_what_is_refused_is_said_by_label() -> None:
    batch, resolution = SETTINGS["training.batch_size"], SETTINGS["dataset.resolution"]
    assert why_not_text(Profile(), batch, "two") == "Batch size must be a whole number of at least 1, not 'two'."
    assert why_not_text(Profile(), batch, "") == "Batch size must be a whole number of at least 1, not ''."
    complaint = why_not(Profile(), resolution, 64)
    assert complaint.startswith("Resolution (64) must lie between Smallest bucket side (256) and Largest bucket side")
    assert "dataset." not in complaint
