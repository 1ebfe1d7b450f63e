"""`loratui lora convert` and `loratui lora merge` as a person calls them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len
from safetensors.numpy import load_file, save_file

from loratui.cli import main

KEY = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
TEXT = "lora_te_text_model_encoder_layers_0_self_attn_q_proj"


def write(path: Path, seed: int, metadata: dict[str, str] | None = None) -> Path:
    draw = np.random.default_rng(seed)
    tensors = {}
    for key in (KEY, TEXT):
        tensors[f"{key}.lora_down.weight"] = draw.normal(size=(4, 768)).astype(np.float16)
        tensors[f"{key}.lora_up.weight"] = draw.normal(size=(320, 4)).astype(np.float16)
        tensors[f"{key}.alpha"] = np.array(2, np.float16)
    save_file(tensors, path, metadata)
    return path


@pytest.fixture
def emi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "bob.safetensors", 2)
    return write(tmp_path / "emi.safetensors", 1, {"ss_output_name": "emi"})


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["lora", *arguments])
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def test_a_missing_choice_is_named_in_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "loratui", "lora", "convert", "emi.safetensors"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "error: Missing option '--to'. Choose from: kohya, diffusers" in done.stderr


def test_there_and_back(emi: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "convert", "emi.safetensors", "--to", "diffusers")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "Wrote emi-diffusers.safetensors",
        "2 modules of Stable Diffusion 1.x; weights unchanged",
        "from kohya to diffusers",
    ]
    code, out, _ = call(capsys, "convert", "emi-diffusers.safetensors", "--to", "kohya", "--output", "back", "--json")
    told = json.loads(out)
    assert code == 0
    assert (told["file"], told["layout"], told["source_layout"]) == ("back.safetensors", "kohya", "diffusers")
    assert (told["family"], told["modules"], told["remarks"]) == ("sd1", 2, [])
    before, after = load_file(emi), load_file(emi.with_name("back.safetensors"))
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_what_diffusers_itself_refuses_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = "lora_te_text_model_encoder_layers_0_mlp_fc1"
    tensors = {f"{key}.lora_down.weight": np.ones((1, 768)), f"{key}.lora_up.weight": np.ones((3072, 1))}
    save_file({name: value.astype(np.float16) for name, value in tensors.items()}, tmp_path / "mlp.safetensors")
    code, out, _ = call(capsys, "convert", str(tmp_path / "mlp.safetensors"), "--to", "diffusers")
    assert code == 0
    assert "diffusers itself refuses it" in out


def test_a_merge_is_told_within_80_columns(emi: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "merge", "emi.safetensors:0.8", "bob.safetensors:0.4:-0.2", "--output", "both")
    assert (code, err) == (0, "")
    assert out.splitlines() == ["Wrote both.safetensors", "2 modules, rank 8, alpha 3.2, fp16"]
    code, out, _ = call(
        capsys, "merge", "emi.safetensors:0.8", "bob.safetensors:0.4", "--output", "both", "--rank", "2"
    )
    lines = out.splitlines()
    assert lines[:2] == ["Wrote both-v2.safetensors", "2 modules, rank 2, alpha 2, fp16"]
    assert "% of the effect is kept; least, " in lines[2]
    assert lines[3].strip() in (KEY, TEXT)
    assert max(map(cell_len, lines)) <= 80


def test_a_merge_as_json(emi: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["emi.safetensors:0.8:0.5", "bob.safetensors", "--output", "both.safetensors", "--precision", "fp32"]
    code, out, _ = call(capsys, "merge", *arguments, "--rank", "3", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["sources"][0] == {"file": "emi.safetensors", "text_encoder": 0.8, "unet": 0.5}
    assert (told["file"], told["ranks"], told["dtype"], told["alpha"]) == ("both.safetensors", {"3": 2}, "F32", 3.0)
    assert 0 < told["lowest"]["kept"] <= told["kept"] < 1
    code, out, _ = call(capsys, "inspect", "both.safetensors", "--json")
    assert json.loads(out)["problems"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["convert", "absent.safetensors", "--to", "kohya"], "no file"),
        (["convert", "emi.safetensors", "--to", "kohya", "--output", "absent/x"], "no folder"),
        (["convert", "emi.safetensors", "--to", "kohya", "--output", "a:b"], "name"),
        (["convert", "emi.safetensors", "--to", "kohya", "--output", "absent/"], "no folder absent."),
        (["convert", "emi.safetensors", "--to", "kohya", "--output", "emi", "--force"], "it is not replaced"),
        (["merge", "emi.safetensors", "--output", "."], "Name the file too"),
        (["merge", "emi.safetensors", "bob.safetensors", "--output", "bob", "--force"], "it is not replaced"),
        (["merge", "emi.safetensors:x", "--output", "both"], "no number"),
        (["merge", "absent.safetensors:0.5", "--output", "both"], "no file"),
        (["merge", "emi.safetensors", "--output", "both", "--rank", "0"], "rank 0"),
        (
            ["merge", "emi.safetensors", "bob.safetensors:1e9", "--output", "both", "--precision", "fp32"],
            "from -5 to 5",
        ),
        (["merge", "emi.safetensors:inf", "bob.safetensors:nan", "--output", "both"], "no number"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    emi: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert sorted(path.name for path in emi.parent.iterdir()) == ["bob.safetensors", "emi.safetensors"]


def test_layers_of_no_model_are_not_merged(emi: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tensors = load_file(emi)
    odd = {name.replace(KEY, "lora_unet_warp_core"): value for name, value in tensors.items()}
    save_file(odd | tensors, emi.with_name("odd.safetensors"))
    code, out, err = call(capsys, "merge", "emi.safetensors:0.8", "odd.safetensors:0.4", "--output", "both")
    assert (code, out) == (2, "")
    assert "1 module that is no layer of Stable Diffusion 1, 2 or XL: lora_unet_warp_core" in " ".join(err.split())
    assert not emi.with_name("both.safetensors").exists()


def test_a_strangers_names_move_no_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = tmp_path / "e\x1b[2J.safetensors"
    key = "lora_unet_\x1b[2J"
    save_file(
        {
            f"{key}.lora_down.weight": np.ones((1, 4), np.float16),
            f"{key}.lora_up.weight": np.ones((4, 1), np.float16),
        },
        evil,
    )
    for arguments in (
        ["convert", str(evil), "--to", "diffusers"],
        ["merge", f"{evil}:0.5", "--output", str(tmp_path / "x"), "--json"],
        ["merge", f"{evil}:0.5", str(evil), "--output", str(tmp_path / "x"), "--rank", "1"],
    ):
        _, out, err = call(capsys, *arguments)
        assert "\x1b" not in out + err
