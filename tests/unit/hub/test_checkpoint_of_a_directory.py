"""What the configuration of a diffusers directory says to whoever loads it."""

import json
from pathlib import Path

import pytest

from loratui.hub.checkpoint import read_checkpoint
from tests.unit.hub.checkpoints import sdxl_files


@pytest.mark.parametrize(
    ("scheduler", "prediction", "ends_in_noise"),
    [
        ({}, "epsilon", False),
        ({"prediction_type": "v_prediction"}, "v_prediction", False),
        ({"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}, "v_prediction", True),
        ({"prediction_type": "sample"}, None, False),
    ],
)
def test_a_directory_says_it_in_its_scheduler(
    tmp_path: Path, scheduler: dict[str, object], prediction: str | None, ends_in_noise: bool
) -> None:
    for name, content in sdxl_files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))
    found = read_checkpoint(tmp_path)
    assert (found.base_family, found.prediction, found.zero_terminal_snr) == ("sdxl", prediction, ends_in_noise)
    assert (found.has_vae, found.text_width, found.native_resolution) == (True, 2048, 1024)
