"""`loratui lora inspect` as a person calls it: on files of several tools, good ones and hostile ones."""

import json
import struct
import tomllib
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from loratui.cli import main
from loratui.paths import profiles_directory

KEY = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k"
METADATA = {
    "ss_output_name": "emi_xl",
    "ss_sd_model_name": "anime.safetensors",
    "ss_base_model_version": "sdxl_base_v1-0",
    "ss_network_dim": "2",
    "ss_network_alpha": "1.0",
    "ss_optimizer": "lion_pytorch.Lion(weight_decay=0.1)",
    "ss_training_started_at": "1700000000.0",
    "ss_dataset_dirs": json.dumps({"5_emi": {"n_repeats": 5, "img_count": 20}}),
    "ss_tag_frequency": json.dumps({"5_emi": {f"tag{number}": 100 - number for number in range(30)}}),
    "modelspec.trigger_phrase": "Emi, cute girl",
}


def file_of(path: Path, tensors: dict[str, tuple[list[int], bytes]], metadata: dict[str, str] | None = None) -> Path:
    header: dict[str, Any] = {"__metadata__": metadata} if metadata is not None else {}
    data = b""
    for name, (shape, content) in tensors.items():
        dtype = "U8" if len(content) == 1 or not shape else "F16"
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


@pytest.fixture
def lora(tmp_path: Path) -> Path:
    tensors = {
        f"{KEY}.lora_down.weight": ([2, 2048], bytes(2 * 2 * 2048)),
        f"{KEY}.lora_up.weight": ([4, 2], bytes(2 * 2 * 4)),
    }
    return file_of(tmp_path / "emi.safetensors", tensors, METADATA)


@pytest.fixture
def home() -> Path:
    """Where profiles are saved."""
    return profiles_directory()


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["lora", "inspect", *arguments])
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def test_a_file_is_told_within_80_columns(lora: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, str(lora))
    assert (code, err) == (0, "")
    assert max(map(cell_len, out.splitlines())) <= 80
    for told in (
        "emi_xl",
        "kohya with original block names",
        "Stable Diffusion XL",
        "anime.safetensors",
        "UNet 1",
        "Emi, cute girl",
        "2023-11-14",
        "5_emi (20 pictures)",
        "tag0 100",
        "and 10 more (--all)",
    ):
        assert told in out
    assert "tag29 71" not in out
    assert "tag29 71" in call(capsys, str(lora), "--all")[1].replace("\n ", "")


def test_json_has_the_same_facts(lora: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, str(lora), "--json")
    told = json.loads(out)
    assert code == 0
    assert (told["family"], told["ranks"], told["alphas"]) == ("sdxl", {"2": 1}, {"none": 1})
    assert told["modules"] == {"unet": 1}
    assert told["usable"] is True
    assert len(told["tags"]) == 30
    assert told["hashes"]["auto_v3"] == told["hashes"]["sshs_model_hash"][:12]
    assert told["metadata"] == METADATA


def test_a_profile_is_rebuilt_once_and_never_replaced(
    lora: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = call(capsys, str(lora), "--profile")
    path = home / "emi_xl.toml"
    saved = path.read_text()
    assert code == 0
    assert str(path) in out
    assert "Lion" in out
    assert "dataset.path" in out
    said = " ".join(out.split())
    values = tomllib.loads(saved)
    assert (values["network"]["rank"], values["network"]["alpha"], values["dataset"]["repeats"]) == (2, 1.0, 5)
    assert values["dataset"]["trigger"] == "Emi"
    assert values["model"]["base"] == "anime.safetensors"

    code, out, err = call(capsys, str(lora), "--profile")
    assert (code, out) == (2, "")
    assert "emi_xl" in err
    assert path.read_text() == saved

    code, out, _ = call(capsys, str(lora), "--name", "again", "--json")
    assert code == 0
    told = json.loads(out)["profile"]
    assert told["path"] == str(home / "again.toml")
    taken = told["taken"]
    assert f"{len(taken)} settings are the file's, the others are the defaults. {', '.join(taken)} " in said


def test_one_setting_is_told_as_one(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tensors = {"lora_unet_mid.hada_w1_a": ([1], b"a")}
    file = file_of(tmp_path / "loha.safetensors", tensors, {"ss_seed": "7"})
    assert call(capsys, str(file), "--profile")[0] == 0
    code, out, _ = call(capsys, str(file), "--name", "again")
    assert code == 0
    assert "\n1 setting is the file's, the others are the defaults.\n  training.seed\n" in out


def test_without_asking_no_profile_is_written(lora: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(capsys, str(lora))
    assert not list(home.glob("*"))


def test_a_name_that_leads_out_of_the_folder_is_not_taken(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tensors = {f"{KEY}.lora_down.weight": ([2, 8], bytes(32)), f"{KEY}.lora_up.weight": ([4, 2], bytes(16))}
    file = file_of(tmp_path / "stem.safetensors", tensors, {"ss_output_name": "../../../evil"})
    assert call(capsys, str(file), "--profile")[0] == 0
    assert [path.name for path in home.iterdir()] == ["stem.toml"]


def test_a_strangers_text_moves_no_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b[2J\x07‮[red]"
    tensors = {f"{KEY}.lora_down.weight": ([2, 8], bytes(32)), f"{KEY}.lora_up.weight": ([4, 2], bytes(16))}
    tensors[f"odd{evil}"] = ([1], b"a")
    keys = [*METADATA, "ss_training_comment", "modelspec.title", "modelspec.usage_hint", f"ss_{evil}"]
    tags = json.dumps({"x": {evil: 3}})
    metadata = dict.fromkeys(keys, evil) | {"ss_tag_frequency": tags, "ss_dataset_dirs": json.dumps({evil: 1})}
    file = file_of(tmp_path / "evil.safetensors", tensors, metadata)
    for arguments in ([], ["--all"], ["--json"], ["--name", "x"]):
        code, out, err = call(capsys, str(file), *arguments)
        assert code == 0
        assert not {"\x1b", "\x07", "‮"} & set(out + err)


def test_a_kind_that_is_not_applied_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = file_of(tmp_path / "loha.safetensors", {"lora_unet_mid.hada_w1_a": ([1], b"a")}, METADATA)
    code, out, _ = call(capsys, str(file))
    assert code == 0
    assert "LoHa (LyCORIS)" in out
    assert "problem: " in out
    code, out, _ = call(capsys, str(file), "--json")
    assert json.loads(out)["usable"] is False


@pytest.mark.parametrize("typed", ["emi", "eml.safetensors"])
def test_the_file_that_was_probably_meant_is_named(
    lora: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.chdir(lora.parent)
    for path in (typed, str(lora.with_name(typed))):
        code, out, err = call(capsys, path)
        assert (code, out) == (2, "")
        assert f"Did you mean {path.removesuffix(typed)}emi.safetensors?" in err


def test_layers_of_no_model_are_counted_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tensors = {f"{KEY}.lora_down.weight": ([2, 8], bytes(32)), f"{KEY}.lora_up.weight": ([4, 2], bytes(16))}
    for name in ("warp_core_0", "warp_core_1", "down_blocks_0_attentions_0", "to_q"):
        tensors |= {
            f"lora_unet_{name}.lora_down.weight": ([2, 8], bytes(32)),
            f"lora_unet_{name}.lora_up.weight": ([4, 2], bytes(16)),
        }
    file = file_of(tmp_path / "odd.safetensors", tensors)
    code, out, _ = call(capsys, str(file), "--json")
    told = json.loads(out)
    assert (code, told["usable"]) == (0, False)
    assert told["problems"] == [
        "It has 4 modules that are no layers of Stable Diffusion 1, 2 or XL: lora_unet_warp_core_0, "
        "lora_unet_warp_core_1, lora_unet_down_blocks_0_attentions_0 and 1 more."
    ]
    assert "problem: It has 4 modules" in call(capsys, str(file))[1]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "empty"), (b"PK\x03\x04", "zip"), (b"\xff" * 16, "not a safetensors"), (b"\x02" + bytes(7) + b"{}", "no")],
)
def test_what_is_no_lora_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, said: str
) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(content)
    code, out, err = call(capsys, str(file))
    assert (code, out) == (2, "")
    assert said in err
