"""The words of the commands: whole sentences in the words that a person typed, one line where one line is promised."""

import json
from pathlib import Path

import pytest
from PIL import Image

from loratui.cli import main
from loratui.profile.schema import Profile
from loratui.profile.store import new_profile


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with pictures, a base and a profile that could be trained."""
    monkeypatch.setenv("LORATUI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "80")
    work = tmp_path / "work"
    fill(work / "pictures", 3)
    monkeypatch.chdir(work)
    (work / "base").mkdir()
    (work / "base" / "model_index.json").write_text("{}")
    (work / "emi.toml").write_text('[model]\nbase = "base"\n[dataset]\npath = "pictures"\n')
    return work


@pytest.fixture
def profiles(work: Path) -> Path:
    """The directory of saved profiles, with good ones and broken ones."""
    directory = new_profile("emi", Profile.model_validate({"model": {"base": "demo"}})).parent
    new_profile("longer name", Profile.model_validate({"dataset": {"path": "pictures"}}))
    (directory / "broken.toml").write_text('[training]\nbatch_size = 0\nepochs = "x"\nfoo = 1\n')
    (directory / "half.toml").write_text("[training\n")
    return directory


def fill(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", (512, 512), (number, 0, 0)).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text("Emi, girl")


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize(
    ("name", "shown"),
    [("pictures/\x1b[31mc", "\\x1b[31mc"), ("a\nb", "a\\x0ab"), ("\udcff", "\\udcff"), ("x" * 300, "x" * 300)],
)
def test_a_folder_of_a_strange_name_that_is_not_there_is_a_sentence(
    work: Path, capsys: pytest.CaptureFixture[str], name: str, shown: str
) -> None:
    assert call("check", name) == 2
    said = capsys.readouterr()
    assert said.out == ""
    error, todo = said.err.splitlines()
    assert error.startswith(f"error: There is no folder {work}")
    assert error.endswith(f"{shown}.")
    assert todo.startswith("  Check the spelling")


def test_a_folder_of_a_strange_name_that_is_there_is_checked(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(work / "\x1b[31mc", 3)
    assert call("check", "\x1b[31mc") == 0
    said = capsys.readouterr().out
    assert "\\x1b[31mc: 3 images" in said
    assert "A profile cannot hold the name of this folder" in said
    assert "\x1b" not in said
    assert call("check", "pictures") == 0
    assert "cannot hold" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", ""], ["No picture folder is given.", "loratui check FOLDER"]),
        (["check", "pictures", "--batch-size", "0"], ["--batch-size must be a whole number of at least 1, not 0."]),
        (["check", "pictures", "--resolution", "x"], ["--resolution must be a whole number of at least 32, not 'x'."]),
        (
            ["check", "pictures", "--resolution", "100000"],
            ["error: --resolution must be a whole number from 32 to 4,096, not 100000."],
        ),
        (["check", "pictures", "--epochs=-1"], ["--epochs must be a whole number of at least 1, not -1."]),
        (["check", "pictures", "--repeats", "many"], ["--repeats must be a whole number of at least 1, not 'many'."]),
        (["run", "emi.toml", "--images", "foo"], ["'--images': 'foo' is not one of", "See loratui run --help."]),
        (["run", "emi.toml", "--set", 'comparison.prompts=["a"'], ["begins like a list but is not one"]),
        (["run", "emi.toml", "--bogus"], ["See loratui run --help."]),
        (["run", "emi.toml", "--forse"], ["--force"]),
        (["queue", "remove"], ["See loratui queue remove --help."]),
        (["queue", "bogus"], ["See loratui queue --help."]),
        (["profile", "new", "--", "-x"], ["must not begin with '-'"]),
        (["profile", "new", "emi.toml"], ["must not end in .toml", "Leave the ending away: emi."]),
        (["profile", "path", "nothing"], ["There is no saved profile named 'nothing'."]),
        (["bogus"], ["See loratui --help."]),
    ],
)
def test_a_refusal_speaks_of_what_was_typed(
    work: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    assert call(*arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("error: ") == 1
    for word in words:
        assert word in said.err
    for foreign in ("Value error", "Input should", "pydantic", "--set training", "mistakes"):
        assert foreign not in said.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('notify_comand = "x"', "'notify_comand' is not a setting; did you mean notify_command?"),
        ("zzz = 1", "'zzz' is not a setting."),
        ("notify_command = 3", "notify_command must be a text in quotes or a list of texts in [ ]."),
    ],
)
def test_a_mistake_in_the_settings_is_said_in_plain_words(
    work: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    path = work.parent / "home" / "config" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert call("config") == 2
    assert f"{path} cannot be used: {words}\n" in capsys.readouterr().err


def test_a_refused_dataset_is_refused_once(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work / "pictures" / "1.txt").write_bytes(b"Emi \xff")
    (work / "pictures" / "2.txt").write_bytes(b"Emi \xff")
    Image.new("RGB", (512, 512), (0, 9, 0)).save(work / "pictures" / "without.png")
    assert call("run", "emi.toml") == 2
    lines = capsys.readouterr().err.splitlines()
    assert [sum(f"{name}: the caption is not UTF-8" in line for line in lines) for name in ("1.txt", "2.txt")] == [1, 1]
    assert [line.partition(":")[0] for line in lines[:-1]] == ["must fix", "warning", "note", "note", "error"]
    assert call("check", "pictures") == 2
    said = capsys.readouterr().out
    assert said.count("must fix: ") == 2
    assert "stop:" not in said


def test_pictures_that_lie_too_deep_are_said_to_be_left_out(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(work / "all" / "a" / "5_emi", 2)
    Image.new("RGB", (512, 512)).save(work / "all" / "loose.png")
    (work / "all" / "loose.txt").write_text("Emi")
    assert call("check", "all") == 0
    said = capsys.readouterr().out
    assert "warning: 2 pictures further down are left out: a/5_emi" in said
    assert str(work / "all" / "a") in said


def test_one_is_not_many(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2):
        (work / "pictures" / f"{number}.png").unlink()
    assert call("check", "pictures", "--epochs", "1", "--repeats", "1", "--batch-size", "1") == 0
    said = capsys.readouterr().out
    assert "pictures: 1 image\n  pictures: 1 image × 1 repeat\n" in said
    assert "  1 batch of 1 an epoch, 1 step in 1 epoch\n" in said
    assert "is seen 1 time an epoch" in said
    changes = ("--set", "training.epochs=1", "--set", "dataset.repeats=1")
    assert call("run", "emi.toml", "--dry-run", *changes) == 0
    said = capsys.readouterr().out
    assert "emi: 1 image on the base" in said
    assert "1 image × 1 repeat\n" in said
    assert "1 batch of 2 an epoch, 1 step an epoch, 1 epoch: 1 step\n" in said


def test_the_plan_says_the_files_of_the_epochs_in_one_line(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("run", "emi.toml", "--dry-run") == 0
    writes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  writes ")]
    out = work / "output"
    assert writes == [
        f"  writes {out / 'emi-000001.safetensors'} … emi-000009.safetensors (9 files)",
        f"  writes {out / 'emi.safetensors'}",
        f"  writes {out / 'emi-grid.png'}",
    ]
    assert call("run", "emi.toml", "--dry-run", "--set", "training.epochs=2") == 0
    assert f"  writes {out / 'emi-000001.safetensors'}\n" in capsys.readouterr().out


def test_a_broken_profile_is_one_line_of_the_list(profiles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("profile", "list") == 0
    base = Profile().model.base
    header, broken, emi, half, longer = capsys.readouterr().out.splitlines()
    assert header == f"NAME         {'BASE':{len(base)}}  PICTURES"
    assert broken == (
        "broken       3 mistakes, first: training.batch_size must be a whole number of at least 1, not 0."
    )
    assert emi == "emi          demo"
    assert half.startswith("half         is not valid TOML: ")
    assert longer == f"longer name  {base}  pictures"


def test_the_path_of_a_broken_profile_is_printed(profiles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("broken", "half", "emi"):
        assert call("profile", "path", name) == 0
        said = capsys.readouterr()
        assert said.out == f"{profiles / name}.toml\n"
        assert said.err.count("\n") == said.err.count("warning: ") == (0 if name == "emi" else 1)
    assert call("profile", "path", "broken", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["path"], "3 mistakes" in answer["error"]) == (str(profiles / "broken.toml"), True)


def test_a_hint_can_be_pasted_into_a_shell(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("profile", "new", "a b") == 0
    assert "loratui run 'a b' --dry-run" in capsys.readouterr().out


def test_the_queue_can_be_listed_by_name(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["queue"], ["queue", "list"], ["queue", "--json"], ["queue", "list", "--json"]):
        assert call(*arguments) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == said[1]
    assert json.loads(said[2]) == json.loads(said[3]) == {"at_work": [], "waiting": []}


@pytest.mark.parametrize("command", [[], ["queue"], ["profile"], ["run"], ["check"], ["queue", "remove"]])
def test_help_is_there_by_its_short_name_and_nothing_in_it_is_cut(
    work: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert call(*command, "-h") == 0
    short = capsys.readouterr().out
    assert call(*command, "--help") == 0
    assert capsys.readouterr().out == short
    _, _, commands = short.partition("Commands:")
    assert "..." not in commands
    assert "…" not in commands
    assert all(len(line) <= 80 for line in short.splitlines())


def test_the_help_of_check_gives_the_defaults_of_a_profile(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("check", "--help") == 0
    said = capsys.readouterr().out
    defaults = Profile()
    for value in (
        defaults.dataset.resolution,
        defaults.dataset.repeats,
        defaults.training.batch_size,
        defaults.training.epochs,
    ):
        assert f"[default: {value}]" in said
