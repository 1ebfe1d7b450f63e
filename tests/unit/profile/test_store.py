"""Profiles on the disk."""

import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from loratui.errors import ProfileError
from loratui.profile.layout import profile_text
from loratui.profile.schema import SECTIONS, Comparison, Dataset, Model, Network, Output, Profile, Training
from loratui.profile.store import (
    find_profile,
    list_profiles,
    load_profile,
    new_profile,
    parse_profile,
    profile_name_of,
    profile_path,
    read_profile,
    write_profile,
)
from tests.permissions import bound_by_permissions

UNUSUAL = Profile(
    model=Model(base="/models/ä \"quoted\" 'base'.safetensors", clip_skip=2, prediction="v_prediction"),
    dataset=Dataset(path="~/IMG\\x", trigger="Émi # not a comment", resolution=768, flip=True, dropout=0.1),
    network=Network(rank=32, alpha=1, conv_rank=4, train_text_encoder=True),
    training=Training(unet_lr=1e-7, seed=2**32 - 1, weight_decay=0),
    output=Output(name="emi v2", install_to=["/a b", "~/c"]),
    comparison=Comparison(
        prompts=["one\ntwo\ttabs", 'he said """no"""', "[x]"], strengths=[1 / 3], other_loras=["a:0.5"]
    ),
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LORATUI_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.mark.parametrize("profile", [Profile(), UNUSUAL])
def test_what_is_written_reads_back_equal(profile: Profile, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "emi.toml"
    write_profile(profile, path)
    assert read_profile(path) == profile
    assert tomllib.loads(path.read_text("utf-8"))["schema"] == 1


def test_every_key_stands_under_its_label_and_help() -> None:
    text = profile_text(Profile(), "emi")
    assert max(len(line) for line in text.splitlines()) <= 100
    flat = " ".join(line.removeprefix("# ") for line in text.splitlines())
    for section in SECTIONS.values():
        for key, field in section.model_fields.items():
            assert f"{field.title}. {field.description}" in flat, key
    assert "strengths = [0.0, 0.4, 0.7, 0.8, 0.9, 1.0, 1.2]" in text


def test_a_name_cannot_break_out_of_the_comment() -> None:
    assert parse_profile(profile_text(Profile(), "emi\nmodel = 3"), "x") == Profile()


def test_a_partial_file_gets_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "emi.toml"
    path.write_bytes(b'\xef\xbb\xbf[dataset]\r\npath = "IMG"\r\n')
    assert read_profile(path) == Profile(dataset=Dataset(path="IMG"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[dataset]\npath = IMG\n", "line 2, column 8"),
        (b"[a\n", "line 1"),
        (b"path = 'a'\npath = 'b'\n", "not valid TOML"),
        ("[dataset]\ntrigger = 'Ä'".encode("latin-1"), "not UTF-8 text (byte 22)"),
        (b"\x00\x01\x02", "not valid TOML"),
        (b"a = " + b"[" * 20_000, "TOML"),
        (b"a = " + b"1" * 10_000, "TOML"),
        (b"#" * 2_000_000, "larger than 1 MiB"),
    ],
)
def test_files_that_are_not_toml_are_refused_by_name(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "emi.toml"
    path.write_bytes(content)
    with pytest.raises(ProfileError) as caught:
        read_profile(path)
    assert words in caught.value.what
    assert str(path) in caught.value.what


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    for path, words in (
        (tmp_path, "directory"),
        (tmp_path / "no.toml", "no profile"),
        (tmp_path / "pipe.toml", "regular"),
    ):
        with pytest.raises(ProfileError, match=words) as caught:
            read_profile(path)
        assert caught.value.todo
        assert caught.value.exit_code == 2


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "emi.toml"
    path.touch(mode=0)
    with pytest.raises(ProfileError, match="Permission denied"):
        bound_by_permissions(lambda: read_profile(path))


def test_a_profile_is_found_by_name_or_by_path(home: Path, tmp_path: Path) -> None:
    saved = new_profile("emi", UNUSUAL)
    assert saved == home / "config" / "profiles" / "emi.toml" == profile_path("emi") == find_profile("emi")
    assert profile_name_of(saved) == "emi"
    assert load_profile("emi") == UNUSUAL
    for path in ("there.toml", "folder/there"):
        write_profile(Profile(), tmp_path / path)
        assert load_profile(path) == Profile()
    (tmp_path / "emi").mkdir()
    assert load_profile("emi") == UNUSUAL


def test_an_unknown_name_suggests_a_saved_one() -> None:
    new_profile("emi_night")
    with pytest.raises(ProfileError, match="no saved profile named 'emi_nigth'") as caught:
        load_profile("emi_nigth")
    assert "emi_night" in caught.value.todo
    for wrong in ("a\0b", "a:b", "..", "~nobody-of-that-name/x.toml"):
        with pytest.raises(ProfileError):
            load_profile(wrong)


def test_a_new_profile_never_overwrites_unless_forced() -> None:
    path = new_profile("emi", UNUSUAL)
    with pytest.raises(ProfileError, match="exists already"):
        new_profile("emi")
    assert read_profile(path) == UNUSUAL
    new_profile("emi", force=True)
    assert read_profile(path) == Profile()
    with pytest.raises(ProfileError):
        new_profile("../emi")


def test_broken_profiles_are_listed_with_their_error() -> None:
    assert list_profiles() == []
    folder = new_profile("b").parent
    (folder / "a.toml").write_text("x =")
    (folder / "c.toml").mkdir()
    (folder / "notes.txt").touch()
    listed = list_profiles()
    assert [entry.name for entry in listed] == ["a", "b", "c"]
    assert [entry.profile is None for entry in listed] == [True, False, True]
    assert "not valid TOML" in listed[0].error
    assert listed[1].error == ""
    assert "directory" in listed[2].error


def test_writing_follows_a_link_keeps_the_usual_mode_and_leaves_nothing_beside(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "emi.toml"
    write_profile(Profile(), real)
    link = tmp_path / "emi.toml"
    link.symlink_to(real)
    write_profile(UNUSUAL, link)
    assert link.is_symlink()
    assert read_profile(real) == UNUSUAL
    assert os.listdir(real.parent) == ["emi.toml"]
    (tmp_path / "usual").touch()
    assert stat.S_IMODE(real.stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


def test_a_profile_that_contradicts_itself_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "emi.toml"
    write_profile(Profile(), path)
    profile = Profile()
    profile.dataset.resolution = 64
    with pytest.raises(ProfileError, match="min_bucket_reso"):
        write_profile(profile, path)
    assert read_profile(path) == Profile()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "emi.toml", tmp_path, tmp_path / f"{'x' * 300}.toml"):
        with pytest.raises(ProfileError, match="cannot be used"):
            write_profile(Profile(), path)
    assert os.listdir(tmp_path) == ["file"]


def test_profiles_import_nothing_heavy() -> None:
    code = "import sys, loratui.profile.changes, loratui.profile.demo; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


def test_a_new_name_can_be_typed_as_an_argument_afterwards(home: Path) -> None:
    for name, words in (("-x", "begin with '-'"), ("emi.toml", "must not end in .toml"), (".toml", "must not end")):
        with pytest.raises(ProfileError, match=words):
            new_profile(name)
    assert not home.exists()


def test_a_name_too_long_for_the_disk_is_refused() -> None:
    for name in ("x" * 300, "x" * 300 + ".toml"):
        with pytest.raises(ProfileError):
            load_profile(name)
