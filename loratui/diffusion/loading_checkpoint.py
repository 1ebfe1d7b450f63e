"""Loads the parts of a base from one file in the original layout, by configurations that ship with the program.

What the file is was read from its header (`hub.checkpoint`); what no header tells, the weights are asked.
"""

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import create_diffusers_clip_model_from_ldm
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from loratui.diffusion.library_calls import library_call, refuse_missing
from loratui.diffusion.loading_directory import family_of_configs
from loratui.diffusion.tokenizers import open_tokenizer
from loratui.hub.checkpoint import Checkpoint
from loratui.lora_file.naming import BaseFamily

_CONFIGS = Path(__file__).parent / "configs"
# SD 2.x with epsilon-prediction was trained at 512 pixels, with v-prediction at 768.
_EPSILON_SIZE = 64
_TEXT = "cond_stage_model.transformer."
# Averaged weights beside the plain ones, which training and drawing go by.
_NOT_LOADED = ("model_ema.",)

Tensors = dict[str, torch.Tensor]


def shipped_configs(family: BaseFamily) -> Path:
    """Return the directory with the configurations of a family."""
    return _CONFIGS / family


def load_checkpoint(file: Path, configs: Path, words: Path, vae: Any, dtype: torch.dtype) -> dict[str, Any]:
    """Return tokenizers, text encoders, VAE and UNet of a checkpoint by their names in diffusers.

    Args:
        configs: A diffusers directory of the same shape; neither weights nor tokenizers need be in it.
        words: Folder with CLIP's tokenizer.
        vae: Used instead of the file's own; None for that.
        dtype: Precision of UNet and text encoders; the VAE is brought to fp32.

    Raises:
        FilesRefused: The file is damaged or lacks tensors.
    """
    family = family_of_configs(configs)
    tensors = _tensors(file)
    parts = {
        "tokenizer": open_tokenizer(words, family, "text_encoder"),
        "text_encoder": _part(tensors, configs, "text_encoder", dtype),
        "vae": vae if vae is not None else _part(tensors, configs, "vae", dtype),
        "unet": _part(tensors, configs, "unet", dtype),
    }
    if family == "sdxl":
        parts["tokenizer_2"] = open_tokenizer(words, family, "text_encoder_2")
        parts["text_encoder_2"] = _part(tensors, configs, "text_encoder_2", dtype)
    return parts


def read_checkpoint_part(file: Path, configs: Path, name: str, dtype: torch.dtype) -> Any:
    """Return the VAE or a text encoder of a checkpoint by its name in diffusers; the VAE in fp32.

    Raises:
        FilesRefused: The file is damaged or lacks tensors.
    """
    return _part(_tensors(file), configs, name, dtype)


def _part(tensors: Tensors, configs: Path, name: str, dtype: torch.dtype) -> Any:
    if name == "vae":
        return _model(AutoencoderKL, tensors, configs, name, torch.float32)
    if name == "unet":
        return _model(UNet2DConditionModel, tensors, configs, name, dtype)
    kind = CLIPTextModel if name == "text_encoder" else CLIPTextModelWithProjection
    return _text_encoder(kind, tensors, configs, name, dtype)


def _tensors(file: Path) -> Tensors:
    """Read the file; mixes of the first months name their text encoder's layers without `text_model`."""
    with library_call():
        tensors = {name: tensor for name, tensor in load_file(file).items() if not name.startswith(_NOT_LOADED)}
    for name in [name for name in tensors if name.startswith(_TEXT)]:
        rest = name.removeprefix(_TEXT)
        if rest.startswith(("embeddings.", "encoder.", "final_layer_norm.")):
            tensors[f"{_TEXT}text_model.{rest}"] = tensors.pop(name)
    return tensors


def _model(kind: Any, tensors: Tensors, configs: Path, name: str, dtype: torch.dtype) -> Any:
    with library_call():
        model = kind.from_single_file(
            tensors, config=str(configs), subfolder=name, local_files_only=True, torch_dtype=dtype
        )
    refuse_missing(name, [key for key, tensor in model.state_dict().items() if tensor.is_meta])
    return model


def _text_encoder(kind: Any, tensors: Tensors, configs: Path, name: str, dtype: torch.dtype) -> Any:
    with library_call():
        model = create_diffusers_clip_model_from_ldm(
            kind, tensors, subfolder=name, config=str(configs), torch_dtype=dtype, local_files_only=True
        )
    refuse_missing(name, [key for key, tensor in model.state_dict().items() if tensor.is_meta])
    return model


def noise_of(checkpoint: Checkpoint, unet: Any, *, may_ask: bool) -> dict[str, Any]:
    """Return what of the scheduler's configuration the file itself says.

    Args:
        may_ask: Where the file of an SD 2.x does not say what its UNet predicts, ask the UNet.
    """
    prediction = checkpoint.prediction
    if prediction is None and checkpoint.base_family == "sd2" and may_ask:
        prediction = "v_prediction" if predicts_velocity(unet) else "epsilon"
        if prediction == "epsilon":
            unet.register_to_config(sample_size=_EPSILON_SIZE)
    said: dict[str, Any] = {} if prediction is None else {"prediction_type": prediction}
    if checkpoint.zero_terminal_snr is not None:
        said["rescale_betas_zero_snr"] = checkpoint.zero_terminal_snr
    return said


@torch.no_grad()
def predicts_velocity(unet: Any) -> bool:
    """Ask a UNet of SD 2.x what it predicts, which its file does not say.

    At the last timestep a picture is all noise: ε-prediction gives its input back, v-prediction something far below.

    Source: AUTOMATIC1111's `is_using_v_parameterization_for_sd2`.
    """
    weight = next(unet.parameters())
    like = {"device": weight.device, "dtype": weight.dtype}
    latents = torch.full((1, unet.config.in_channels, 8, 8), 0.5, **like)
    text = torch.full((1, 2, unet.config.cross_attention_dim), 0.5, **like)
    difference = unet(latents, 999, encoder_hidden_states=text).sample.float() - latents.float()
    return bool(difference.mean() < -1)
