"""What the commands answer when all is well; the trainings themselves are tested end to end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from loratui import __version__
from loratui.cli import main
from loratui.dataset.manifest import Manifest
from loratui.errors import RunError
from loratui.profile.changes import resolve_paths
from loratui.profile.store import load_profile, read_profile
from loratui.runs.directory import create_run
from loratui.runs.events import EventWriter
from tests.unit.hub.checkpoints import WHOLE_SDXL, write_checkpoint


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LORATUI_HOME", str(tmp_path / "home"))
    work = tmp_path / "work"
    pictures = work / "pictures"
    pictures.mkdir(parents=True)
    monkeypatch.chdir(work)
    for number in range(6):
        Image.new("RGB", (640, 512), (number, 0, 0)).save(pictures / f"{number}.png")
        (pictures / f"{number}.txt").write_text("Emi, girl")
    (work / "base").mkdir()
    (work / "base" / "model_index.json").write_text("{}")
    (work / "emi.toml").write_text('schema = 1\n[model]\nbase = "base"\n[dataset]\npath = "pictures"\nrepeats = 4\n')
    return work


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_check_counts_images_buckets_and_steps(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("check", "pictures", "--json", "--batch-size", "4", "--epochs", "3", "--repeats", "2") == 0
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["images"]) == 6
    assert [folder["repeats"] for folder in answer["folders"]] == [2]
    assert (answer["batches_per_epoch"], answer["steps"]) == (3, 9)
    assert [problem["severity"] for problem in answer["problems"]] == ["note"]
    assert call("check", "pictures", "--resolution", "64") == 0
    assert "6 images" in capsys.readouterr().out


def test_a_check_that_stops_gives_exit_code_2_and_the_whole_report(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("check", "nowhere", "--json") == 2
    answer = json.loads(capsys.readouterr().out)
    assert answer["error"] == answer["problems"][0]["message"]
    assert answer["images"] == []


def test_a_dry_run_warns_of_a_resolution_far_below_the_bases_own(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_checkpoint(work / "xl.safetensors", WHOLE_SDXL)
    order = ("run", "emi.toml", "--dry-run", "--set", f"model.base={work / 'xl.safetensors'}")
    assert call(*order) == 0
    assert "warning: Trained at 512 × 512; xl was made for 1024 × 1024. Set dataset" in capsys.readouterr().err
    assert call(*order, "--json") == 0
    [warning] = json.loads(capsys.readouterr().out)["warnings"]
    assert warning["code"] == "below-native-resolution"
    assert call(*order, "--set", "dataset.resolution=1024") == 0
    assert "was made for" not in capsys.readouterr().err


def test_a_dry_run_prints_the_plan_and_writes_nothing(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(work.parent.rglob("*"))
    assert call("run", "emi.toml", "--dry-run", "--set", "training.batch_size=4") == 0
    said = capsys.readouterr().out
    for part in ("6 images × 4 repeats", "6 steps an epoch", "60 steps", "emi.safetensors", "576×448"):
        assert part in said
    assert "\x1b" not in said
    assert call("run", "emi.toml", "--dry-run", "--json", "--set", "training.steps=7") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["name"], answer["steps"], answer["images"]) == ("emi", 7, 6)
    assert sorted(work.parent.rglob("*")) == before


def test_an_existing_file_gives_the_run_the_next_version(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work / "output").mkdir()
    (work / "output" / "emi.safetensors").touch()
    assert call("run", "emi.toml", "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["name"] == "emi-v2"
    assert call("run", "emi.toml", "--dry-run", "--json", "--force") == 0
    assert json.loads(capsys.readouterr().out)["name"] == "emi"


@pytest.mark.parametrize("end", ["stopped", "failed", "interrupted", "step", "finished"])
def test_a_run_that_can_still_go_on_keeps_its_name(work: Path, capsys: pytest.CaptureFixture[str], end: str) -> None:
    manifest = Manifest(images=(), seed=42, flip=False, shuffle=False, keep_tokens=1, dropout=0.0, tag_dropout=0.0)
    profile = resolve_paths(read_profile(work / "emi.toml"), work)
    profile.output.name = "emi"
    run = create_run(profile, manifest, work.parent / "home" / "data" / "runs")
    with EventWriter(run.events_path) as events:
        events.write("started", task="train")
        events.write(end, step=1)
    assert call("run", "emi.toml", "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["name"] == ("emi" if end == "finished" else "emi-v2")
    assert call("run", "emi.toml", "--dry-run") == 0
    assert ("emi is taken" in capsys.readouterr().out) == (end != "finished")
    assert call("run", "emi.toml", "--dry-run", "--json", "--force") == 0
    assert json.loads(capsys.readouterr().out)["name"] == "emi"


def test_a_profile_is_made_listed_shown_and_found(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("profile", "new", "mine", "--from", "emi.toml", "--json") == 0
    path = Path(json.loads(capsys.readouterr().out)["path"])
    assert load_profile("mine").dataset.repeats == 4
    assert call("profile", "list") == 0
    assert "mine" in capsys.readouterr().out
    assert call("profile", "path", "mine") == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert call("profile", "show", "mine") == 0
    shown = work / "shown.toml"
    shown.write_text(capsys.readouterr().out)
    assert read_profile(shown) == load_profile("mine")
    assert call("profile", "show", "mine", "--json") == 0
    assert json.loads(capsys.readouterr().out)["dataset"]["repeats"] == 4


def test_a_profile_is_not_overwritten_without_force(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("profile", "new", "mine", "--from", "emi.toml") == 0
    assert call("profile", "new", "mine") == 2
    assert load_profile("mine").dataset.repeats == 4
    assert call("profile", "new", "mine", "--force") == 0
    assert load_profile("mine").dataset.repeats == 5


def test_a_run_takes_a_saved_profile_by_name(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("profile", "new", "mine", "--from", "emi.toml") == 0
    capsys.readouterr()
    assert call("run", "mine", "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["name"] == "mine"


def test_no_list_of_profiles_is_no_error(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("profile", "list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"profiles": []}


def test_compare_finds_the_newest_run_of_a_profile_that_has_a_lora(work: Path) -> None:
    from loratui.command_line.comparing import run_to_compare

    root = work.parent / "home" / "data" / "runs"
    manifest = Manifest(images=(), seed=42, flip=False, shuffle=False, keep_tokens=1, dropout=0.0, tag_dropout=0.0)
    profile = read_profile(work / "emi.toml")
    profile.output.name = "emi"
    runs = []
    for stamp, ends in (("1", ["trained", "finished"]), ("2", ["trained", "failed"]), ("3", ["failed"]), ("4", [])):
        run = create_run(profile, manifest, root, origin=str(work / "emi.toml"))
        run = type(run)(run.path.rename(root / f"2026010{stamp}-000000-emi"))
        with EventWriter(run.events_path) as events:
            for kind in ("started", *ends):
                events.write(kind)
        runs.append(run)
    assert run_to_compare("emi.toml")[0] == runs[1]
    assert run_to_compare(runs[0].name)[0] == runs[0]
    with pytest.raises(RunError, match="has not finished"):
        run_to_compare(runs[2].name)


def test_compare_takes_a_run_by_every_name_that_the_other_commands_take(work: Path) -> None:
    from loratui.command_line.comparing import run_to_compare

    root = work.parent / "home" / "data" / "runs"
    manifest = Manifest(images=(), seed=42, flip=False, shuffle=False, keep_tokens=1, dropout=0.0, tag_dropout=0.0)
    profile = read_profile(work / "emi.toml")
    runs = []
    for stamp, name, trained in (("1", "lina", True), ("2", "lina", False), ("3", "emi-v2", True)):
        profile.output.name = name
        run = create_run(profile, manifest, root, origin=str(work / "emi.toml") if name == "emi-v2" else "/gone.toml")
        run = type(run)(run.path.rename(root / f"2026010{stamp}-000000-{name}"))
        with EventWriter(run.events_path) as events:
            for kind in ("started", *["trained"] * trained):
                events.write(kind)
        runs.append(run)
    for target, run in (
        ("lina", runs[0]),
        ("gone", runs[0]),
        ("20260101", runs[0]),
        (str(runs[0].path), runs[0]),
        ("emi.toml", runs[2]),
        ("emi-v2", runs[2]),
    ):
        assert run_to_compare(target)[0] == run
    with pytest.raises(RunError, match="Several runs begin with 2026"):
        run_to_compare("2026")
    with pytest.raises(RunError, match="has not finished its training"):
        run_to_compare("20260102")
    with pytest.raises(RunError, match="neither a profile nor a run nothing"):
        run_to_compare("nothing")


def loratui(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "loratui", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_the_version_is_said_without_loading_anything_heavy() -> None:
    done = loratui("--version")
    assert (done.returncode, done.stdout) == (0, f"loratui {__version__}\n")
    script = (
        "import sys, loratui.cli, loratui.command_line.running, loratui.command_line.checking;"
        "print([name for name in ('torch', 'diffusers', 'transformers', 'accelerate', 'peft', 'textual',"
        " 'textual_image', 'huggingface_hub') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_loratui_alone_without_a_terminal_says_what_to_do() -> None:
    done = loratui()
    assert done.returncode == 2
    assert "ssh -t HOST loratui" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_names_the_commands() -> None:
    done = loratui("--help")
    assert done.returncode == 0
    for command in ("demo", "run", "check", "compare", "profile"):
        assert command in done.stdout


def test_a_terminal_that_knows_no_unicode_gets_something_readable(work: Path) -> None:
    done = loratui("check", "pictures", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "576\\xd7448" in done.stdout


def test_the_demo_profile_can_be_saved(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("profile", "new", "first", "--demo") == 0
    assert load_profile("first").model.base == "demo"
