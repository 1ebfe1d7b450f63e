"""What a person reads when a profile is wrong."""

import pytest

from loratui.errors import ProfileError
from loratui.profile.complaints import in_one_line
from loratui.profile.store import parse_profile


def complaint(toml: str) -> str:
    with pytest.raises(ProfileError) as caught:
        parse_profile(toml, "emi.toml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ('[training]\nbatch_size = "two"', "training.batch_size must be a whole number of at least 1, not 'two'."),
        ("[training]\nbatch_size = true", "training.batch_size must be a whole number of at least 1, not true."),
        ("[training]\nbatch_size = 5000", "training.batch_size must be a whole number from 1 to 1,024, not 5000."),
        ("[training]\nunet_lr = nan", "training.unet_lr must be a number above 0 and of at most 1, not nan."),
        ("[network]\nalpha = 0", "network.alpha must be a number above 0, not 0."),
        ("[network]\ndropout = 1", "network.dropout must be a number of at least 0 and below 1, not 1."),
        ('[dataset]\nflip = "yes"', "dataset.flip must be true or false, not 'yes'."),
        ("[dataset]\nmax_token_length = 77", "dataset.max_token_length must be one of 75, 150, 225, not 77."),
        ('[dataset]\ncaption_extension = "txt"', "must begin with a dot, such as '.txt', not 'txt'."),
        ("[dataset]\nresolution = 500", "dataset.resolution must be a multiple of 8 (near it: 496 or 504), not 500."),
        ("[model]\nbase = 3", "model.base must be text in quotes, not 3."),
        ("[comparison]\nseeds = 3", "comparison.seeds must be a list of whole numbers in [ ], not 3."),
        ("[comparison]\nseeds = [1, -2]", "comparison.seeds, entry 2, must be a whole number of at least 0, not -2."),
        ("[comparison]\nseeds = []", "comparison.seeds must have at least 1 entry."),
        ("[comparison]\nstrengths = [9]", "comparison.strengths, entry 1, must be a number from -5 to 5, not 9."),
        ("training = 3", "[training] must be a table of settings, not 3."),
        ("training = []", "[training] must be a table of settings, not a list."),
        ("schema = 2", "schema 2 comes from a newer loratui; this one reads schema 1: update loratui."),
        ('schema = "1"', "schema must be 1, not '1'."),
        ("[dataset]\nresolution = 64", "dataset.resolution (64) must lie between dataset.min_bucket_reso (256)"),
    ],
)
def test_wrong_values_are_said_in_plain_words(toml: str, sentence: str) -> None:
    text = complaint(toml)
    assert text.startswith("emi.toml: ")
    assert sentence in text


@pytest.mark.parametrize(
    ("toml", "nearest"),
    [
        ("[training]\nbatchsize = 1", "training.batch_size"),
        ("batch_size = 1", "training.batch_size"),
        ("[network]\nunet_lr = 1", "training.unet_lr"),
        ("[network]\nnetwork_dim = 8", "network.rank"),
        ("[training]\nlearning_rate = 1", "training.unet_lr"),
        ("[training]\ntrain_batch_size = 1", "training.batch_size"),
        ("[trainig]\nepochs = 1", "[training]"),
        ("[dataset]\nkeep_token = 1", "dataset.keep_tokens"),
        ("[dataset]\nResolution = 512", "dataset.resolution"),
        ("output_name = 'x'", "output.name"),
    ],
)
def test_unknown_keys_name_the_nearest_known_one(toml: str, nearest: str) -> None:
    assert f"is not a setting; did you mean {nearest}?" in complaint(toml)


def test_an_unknown_key_like_nothing_gets_no_silly_suggestion() -> None:
    assert "'dataset.zzzzzz' is not a setting." in complaint("[dataset]\nzzzzzz = 1")


def test_all_mistakes_are_listed_at_once() -> None:
    text = complaint('frobnicate = 1\n[network]\nrang = 1\nalpha = 0\n[training]\nepochs = "x"')
    assert text.startswith("emi.toml: 4 mistakes.")
    assert text.count("\n  - ") == 4


def test_several_mistakes_can_be_said_in_one_line() -> None:
    with pytest.raises(ProfileError) as caught:
        parse_profile('[network]\nalpha = 0\n[training]\nepochs = "x"', "emi.toml")
    assert in_one_line(caught.value.what) == (
        "emi.toml: 2 mistakes, first: network.alpha must be a number above 0, not 0."
    )
    assert in_one_line("emi.toml: one.") == "emi.toml: one."


@pytest.mark.parametrize("key", ["token", "hf_token", "api_key", "password", "HF_TOKEN", "hub_secret"])
def test_tokens_never_go_in_profiles_and_are_never_repeated(key: str) -> None:
    for toml in (f'{key} = "hf_abcdefghijk"', f'[model]\n{key} = "hf_abcdefghijk"'):
        text = complaint(toml)
        assert "tokens and passwords never go in a profile" in text
        assert "hf_abcdefghijk" not in text


def test_a_token_in_the_wrong_field_is_not_repeated() -> None:
    assert "abcdefghijk" not in complaint('[training]\nbatch_size = "hf_abcdefghijk"')


def test_control_characters_are_shown_not_sent() -> None:
    text = complaint('"a\\u001b[2J" = 1\n[dataset]\n"\\u202e" = 2\npath = "x\\u001b"')
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\\x1b" in text


def test_long_values_are_cut() -> None:
    assert len(complaint(f'[training]\nbatch_size = "{"x" * 100_000}"')) < 300
