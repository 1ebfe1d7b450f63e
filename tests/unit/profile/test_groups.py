"""Every setting once, the ones that matter first."""

import pytest

from loratui.errors import ProfileError
from loratui.profile.groups import BASIC, PATHS, all_settings, changed, groups, setting_named
from loratui.profile.kohya import KOHYA_KEYS, kohya_name
from loratui.profile.schema import SECTIONS, Profile

NAMES = [f"{section}.{key}" for section, model in SECTIONS.items() for key in model.model_fields]


def test_every_field_of_the_schema_appears_exactly_once() -> None:
    assert sorted(setting.name for setting in all_settings()) == sorted(NAMES)


def test_the_basic_ones_come_first_in_the_order_of_kohyas_guide() -> None:
    first = groups()[0]
    assert [kohya_name(setting.name) for setting in first.settings] == [
        "pretrained_model_name_or_path",
        "train_data_dir",
        "output_name",
        "output_dir",
        "resolution",
        "train_batch_size",
        "max_train_epochs",
    ]
    assert all(setting.advice for setting in first.settings)


def test_labels_are_unlike_in_each_group_and_fit_their_column() -> None:
    for group in groups():
        titles = [setting.title for setting in group.settings]
        assert len(set(titles)) == len(titles)
        assert all(len(title) <= 26 and setting.help for title, setting in zip(titles, group.settings, strict=True))


def test_names_of_others_stand_for_settings_that_there_are() -> None:
    assert set(KOHYA_KEYS.values()) <= set(NAMES)
    assert set(PATHS) | set(BASIC) <= set(NAMES)
    assert kohya_name("network.rank") == "network_dim"
    assert kohya_name("training.min_snr_gamma") == "min_snr_gamma"
    assert kohya_name("training.accept_smaller") == ""


def test_defaults_are_those_of_a_new_profile() -> None:
    assert all(setting.default == setting.value(Profile()) for setting in all_settings())
    seeds = setting_named("comparison.seeds")
    assert seeds.default is not seeds.default


def test_fields_that_only_agree_together_are_changed_together() -> None:
    with pytest.raises(ProfileError, match="must lie between"):
        changed(Profile(), {"dataset.resolution": 64})
    together = changed(Profile(), {"dataset.resolution": 64, "dataset.min_bucket_reso": 64})
    assert together.dataset.resolution == 64
