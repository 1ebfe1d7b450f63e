"""The written file: complete or not there, hashed as kohya hashes."""

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from loratui.errors import TrainingError
from loratui.lora_file.header import model_hash
from loratui.training.export import write_lora

TENSORS = {"a.lora_up.weight": torch.tensor([[1.0, 2.5]]), "a.alpha": torch.tensor(4.0)}


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp16", torch.float16), ("bf16", torch.bfloat16), ("fp32", torch.float32)]
)
def test_tensors_are_written_in_the_precision_asked_for(tmp_path: Path, precision: str, dtype: torch.dtype) -> None:
    written = write_lora(tmp_path / "new" / "emi.safetensors", TENSORS, {"ss_x": "1"}, precision)
    loaded = load_file(written.path)
    assert {tensor.dtype for tensor in loaded.values()} == {dtype}
    assert loaded["a.alpha"].shape == ()
    assert written.bytes == written.path.stat().st_size


def test_both_hashes_are_in_the_metadata(tmp_path: Path) -> None:
    written = write_lora(tmp_path / "emi.safetensors", TENSORS, {"ss_x": "1", "modelspec.title": "Emi"}, "fp16")
    with safe_open(written.path, framework="pt") as file:
        metadata = file.metadata()
    content = written.path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    assert metadata["sshs_model_hash"] == written.model_hash == hashlib.sha256(content[start:]).hexdigest()
    assert metadata["sshs_model_hash"] == model_hash(written.path)
    assert len(metadata["sshs_legacy_hash"]) == 8
    assert (metadata["ss_x"], metadata["modelspec.title"]) == ("1", "Emi")


def test_a_value_the_precision_cannot_hold_leaves_the_old_file_alone(tmp_path: Path) -> None:
    file = write_lora(tmp_path / "emi.safetensors", TENSORS, {}, "fp16").path
    before = file.read_bytes()
    with pytest.raises(TrainingError, match=r"a\.lora_up\.weight"):
        write_lora(file, {"a.lora_up.weight": torch.tensor([1e6])}, {}, "fp16")
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ""] == ["emi.safetensors"]


def test_an_output_directory_that_cannot_be_made_is_the_callers_to_tell(tmp_path: Path) -> None:
    (tmp_path / "output").write_text("a file")
    with pytest.raises(OSError, match="output"):
        write_lora(tmp_path / "output" / "emi.safetensors", TENSORS, {}, "fp16")
