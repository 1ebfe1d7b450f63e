"""Parameters of bases: those of a family, and those that are counted in files of the true shapes."""

from pathlib import Path

import pytest

from loratui.hub.presence import presence
from loratui.profile.groups import changed
from loratui.profile.schema import Profile
from loratui.runs.base_parameters import OF_FAMILY, parameters_of
from loratui.runs.lora_size import lora_parameters
from loratui.runs.memory import lora_memory
from tests.unit.hub import original_shapes as original
from tests.unit.hub.checkpoints import write_checkpoint
from tests.unit.hub.original_shapes import Shapes


@pytest.mark.parametrize(
    ("shapes", "family"), [(original.SD1, "SD 1.x"), (original.SD2, "SD 2.x"), (original.SDXL, "SDXL")]
)
def test_a_file_has_as_many_parameters_as_its_family(tmp_path: Path, shapes: Shapes, family: str) -> None:
    base = presence(str(write_checkpoint(tmp_path / "mix.safetensors", shapes)))
    found = parameters_of(base)
    assert found is not None
    assert (base.family, found.counted) == (family, True)
    assert found.unet == OF_FAMILY[family].unet
    # Text encoders of open-clip have a projection of the text more, and in SD 2.x a last layer that is not used.
    surplus = {"SD 1.x": 0, "SD 2.x": 1024 * 1024 + 12_596_224, "SDXL": 0}[family]
    assert found.text_encoder == OF_FAMILY[family].text_encoder + surplus


def test_an_average_beside_the_unet_is_not_counted(tmp_path: Path) -> None:
    shapes = original.SD1 | {"model_ema.diffusion_modeltime_embed0weight": (1280, 320)}
    found = parameters_of(presence(str(write_checkpoint(tmp_path / "mix.safetensors", shapes))))
    assert found is not None
    assert found.unet == OF_FAMILY["SD 1.x"].unet


@pytest.mark.parametrize(
    ("shapes", "per_rank", "per_conv_rank"),
    [
        (original.SD1, 506_816 + 165_888, 544_000),
        (original.SD2, 515_008 + 423_936, 544_000),
        (original.SDXL, 2_718_400 + 165_888 + 737_280, 355_840),
    ],
)
def test_a_lora_is_as_large_as_the_layers_make_it(
    tmp_path: Path, shapes: Shapes, per_rank: int, per_conv_rank: int
) -> None:
    base = presence(str(write_checkpoint(tmp_path / "mix.safetensors", shapes)))
    profile = changed(Profile(), {"network.train_text_encoder": True, "network.conv_rank": 4})
    assert lora_parameters(profile, base, parameters_of(base)) == 16 * per_rank + 4 * per_conv_rank


def test_memory_of_sdxl_is_that_of_its_own_weights_and_activations(tmp_path: Path) -> None:
    base = presence(str(write_checkpoint(tmp_path / "xl.safetensors", original.SDXL)))
    parameters = parameters_of(base)
    assert parameters is not None
    one = changed(Profile(), {"training.batch_size": 1})
    found = lora_memory(one, base, parameters, (1024, 1024), half=True)
    assert found is not None
    assert found.frozen == 2 * (2_567_463_684 + 817_720_320)
    assert found.trained == 20 * 16 * 2_659_840
    assert found.activations == 4 * 1610 << 20
    pruned = presence(str(write_checkpoint(tmp_path / "ssd.safetensors", original.SSD_1B)))
    assert lora_memory(one, pruned, parameters, (1024, 1024), half=True) is None
