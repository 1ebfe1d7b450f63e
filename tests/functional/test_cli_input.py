"""Bad input: one clear sentence, what to do, exit code 2, and nothing written."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from loratui.cli import main

Table = dict[str, dict[str, object]]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with pictures, a base and a profile that could be trained."""
    monkeypatch.setenv("LORATUI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    work = tmp_path / "work"
    pictures = work / "pictures" / "5_emi"
    pictures.mkdir(parents=True)
    monkeypatch.chdir(work)
    for number in range(3):
        Image.new("RGB", (64, 64), (number, 0, 0)).save(pictures / f"{number}.png")
        (pictures / f"{number}.txt").write_text("Emi, girl")
    (work / "base").mkdir()
    (work / "base" / "model_index.json").write_text("{}")
    write(work / "emi.toml", {})
    return work


def write(path: Path, changes: Table) -> None:
    tables: Table = {
        "model": {"base": "base"},
        "dataset": {"path": "pictures", "resolution": 64, "min_bucket_reso": 32},
        "output": {"directory": "out"},
    }
    for name, values in changes.items():
        tables.setdefault(name, {}).update(values)
    lines = ["schema = 1"]
    for name, values in tables.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    path.write_text("\n".join(lines) + "\n")


def tree(path: Path) -> list[tuple[Path, float]]:
    return sorted((entry, entry.lstat().st_mtime) for entry in path.rglob("*"))


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert isinstance(ended.value.code, int)
    return ended.value.code


def no_folder(place: Path) -> None:
    write(place / "emi.toml", {"dataset": {"path": "picturs"}})


def too_high(place: Path) -> None:
    deep = place / "all" / "more"
    deep.mkdir(parents=True)
    (place / "pictures").rename(deep / "IMG")
    write(place / "emi.toml", {"dataset": {"path": "all"}})


def no_captions(place: Path) -> None:
    (place / "pictures" / "5_emi").rename(place / "plain")
    for caption in (place / "plain").glob("*.txt"):
        caption.unlink()
    (place / "plain").rename(place / "5_")
    write(place / "emi.toml", {"dataset": {"path": "5_"}})


def latin_1_caption(place: Path) -> None:
    (place / "pictures" / "5_emi" / "1.txt").write_bytes("Emi, naïve".encode("latin-1"))


def only_broken_pictures(place: Path) -> None:
    folder = place / "pictures" / "5_emi"
    content = (folder / "0.png").read_bytes()
    (folder / "0.png").write_bytes(b"")
    (folder / "1.png").write_bytes(content[: len(content) // 2])
    (folder / "2.png").unlink()
    (folder / "2.png").mkdir()
    os.mkfifo(folder / "3.png")


def name_with_separators(place: Path) -> None:
    write(place / "emi.toml", {"output": {"name": "../../x"}})


def unknown_key(place: Path) -> None:
    write(place / "emi.toml", {"training": {"batchsize": 2}})


def wrong_type(place: Path) -> None:
    write(place / "emi.toml", {"training": {"epochs": "many"}})


def not_toml(place: Path) -> None:
    (place / "emi.toml").write_text("this is not TOML\n")


def base_not_there(place: Path) -> None:
    write(place / "emi.toml", {"model": {"base": "./bases/none.safetensors"}})


def base_not_cached(place: Path) -> None:
    write(place / "emi.toml", {"model": {"base": "somebody/something"}})


def output_in_the_way(place: Path) -> None:
    (place / "out").write_text("")


def no_room(place: Path) -> None:
    write(place / "emi.toml", {"network": {"rank": 1024}, "training": {"epochs": 100_000}})


def install_target_missing(place: Path) -> None:
    write(place / "emi.toml", {"output": {"install_to": ["/no/such/webui"]}})


def epoch_not_saved(place: Path) -> None:
    write(place / "emi.toml", {"comparison": {"epochs": [77]}})


def no_profile(place: Path) -> None:
    (place / "emi.toml").unlink()


BAD_INPUT: list[tuple[Callable[[Path], None], str, str]] = [
    (no_folder, "no folder", "spelling"),
    (too_high, "too high up", "all/more"),
    (no_captions, "caption", "1.txt"),
    (latin_1_caption, "1.txt", "UTF-8"),
    (only_broken_pictures, "picture", "reasons"),
    (name_with_separators, "output.name", ""),
    (unknown_key, "batchsize", "batch_size"),
    (wrong_type, "epochs", ""),
    (not_toml, "TOML", ""),
    (base_not_there, "none.safetensors", ""),
    (base_not_cached, "somebody/something", ""),
    (output_in_the_way, "out", "output.directory"),
    (no_room, "no room", "save_every"),
    (install_target_missing, "/no/such/webui", "install_to"),
    (epoch_not_saved, "epoch 77", "save_every"),
    (no_profile, "emi.toml", ""),
]


@pytest.mark.parametrize(("spoil", "what", "todo"), BAD_INPUT, ids=[case[0].__name__ for case in BAD_INPUT])
def test_bad_input_is_a_sentence_and_exit_code_2_and_leaves_nothing(
    place: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Path], None], what: str, todo: str
) -> None:
    spoil(place)
    before = tree(place.parent)
    assert call("run", "emi.toml") == 2
    said = capsys.readouterr()
    error = said.err[said.err.index("error: ") :]
    assert what in error
    assert todo in said.err
    assert "Traceback" not in said.err + said.out
    assert tree(place.parent) == before

    assert call("run", "emi.toml", "--json") == 2
    said = capsys.readouterr()
    answer = json.loads(said.out)
    assert what in answer["error"]
    assert isinstance(answer["todo"], str)
    assert said.err == ""
    assert tree(place.parent) == before


def test_control_characters_never_reach_the_terminal(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = place / "pictures" / "5_emi"
    (folder / "0.png").rename(folder / "\x1b]0;owned\x07[red]0.png")
    (folder / "1.txt").write_text("Emi, \x1b[2J\x9b31m\u202egirl")
    for arguments in (("check", "pictures"), ("run", "emi.toml", "--dry-run"), ("check", "pictures", "--json")):
        assert call(*arguments) == 0
        said = capsys.readouterr()
        assert not set("\x1b\x07\x9b\u202e") & set(said.out + said.err)
    assert json.loads(said.out)["images"][-1]["path"].endswith("\x1b]0;owned\x07[red]0.png")


def test_what_looks_like_markup_is_said_as_it_is(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("run", "[bold]emi[/bold].toml") == 2
    assert "[bold]emi[/bold].toml" in capsys.readouterr().err


def test_a_picture_that_cannot_be_read_is_reported_and_left_out(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "pictures" / "5_emi" / "1.png").write_bytes(b"")
    assert call("run", "emi.toml", "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["images"] == 2
    assert call("run", "emi.toml", "--dry-run") == 0
    assert "1.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "emi.toml", "--bogus"],
        ["bogus"],
        ["check", "pictures", "--resolution", "many"],
        ["run", "emi.toml", "--set", "training.batchsize=1"],
        ["run", "emi.toml", "--set", "training.batch_size"],
        ["check", "pictures", "--resolution", "7"],
        ["compare", "emi.toml"],
        ["compare", "nothing"],
        ["profile", "new", "../../x"],
        ["profile", "new", "x", "--demo", "--from", "emi.toml"],
        ["profile", "show", "nothing"],
    ],
)
def test_a_command_that_makes_no_sense_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    before = tree(place.parent)
    assert call(*arguments) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert call(*arguments, "--json") == 2
    assert set(json.loads(capsys.readouterr().out)) >= {"error", "todo"}
    assert tree(place.parent) == before


def test_a_fault_of_the_program_is_a_sentence_and_a_log(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path) -> bytes:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(Path, "read_bytes", broken)
    assert call("run", "emi.toml") == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    [log] = (place.parent / "home" / "data").glob("crash-*.log")
    assert str(log) in said
    monkeypatch.undo()
    assert "ZeroDivisionError: a fault" in log.read_text()
