"""The frozen base: a Stable Diffusion as one object with its noise schedule. Loads nothing; see `loading`."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from loratui.diffusion.conditioning import Conditioning
from loratui.diffusion.frozen_convolutions import use_products
from loratui.diffusion.main_memory import empty, is_empty, refill, trim
from loratui.diffusion.schedule import NoiseSchedule, PredictionType
from loratui.lora_file.naming import BaseFamily, Component


@dataclass(frozen=True)
class TextEncoder:
    """A text encoder and the tokenizer that belongs to it."""

    component: Component
    tokenizer: Any
    model: Any


@dataclass
class BaseModel:
    """A base model on one device, frozen.

    Attributes:
        name: What a person calls it: hub id, file stem, directory name or "demo".
        source: Path of the files it was read from.
        family: Decides how text is read and how LoRA files name the layers.
        schedule: The noise schedule it was trained with.
        scheduler_config: diffusers' configuration of its scheduler.
        hashed: Returns the hash of a single-file checkpoint once it is known; None for a directory.
        clip_skip: kohya's count, as the profile asks. SDXL always reads the last layer but one.
        tokenizer_2, text_encoder_2: SDXL's second reader of the text.
        tokenizer_from: A sentence on where a single file's tokenizer is from; "" where it is the base's own.
        read_again: Returns a part as it was read, by its name in diffusers; None where its files are not at hand.
    """

    name: str
    source: Path
    family: BaseFamily
    tokenizer: Any
    text_encoder: Any
    vae: Any
    unet: Any
    schedule: NoiseSchedule
    scheduler_config: dict[str, Any]
    device: torch.device
    dtype: torch.dtype
    clip_skip: int = 1
    hashed: Callable[[], str] | None = None
    tokenizer_2: Any = None
    text_encoder_2: Any = None
    tokenizer_from: str = ""
    read_again: Callable[[str], nn.Module] | None = None

    @property
    def sha256(self) -> str | None:
        """Hash of a single-file checkpoint, as A1111 shows it, waited for where need be; None for a directory."""
        return None if self.hashed is None else self.hashed()

    @property
    def texts(self) -> tuple[TextEncoder, ...]:
        """The readers of the text, in the order in which the UNet gets what they read."""
        first = TextEncoder("text_encoder", self.tokenizer, self.text_encoder)
        if self.text_encoder_2 is None:
            return (first,)
        return first, TextEncoder("text_encoder_2", self.tokenizer_2, self.text_encoder_2)

    @property
    def components(self) -> dict[Component, nn.Module]:
        """What a LoRA can change: the UNet and the text encoders."""
        return {"unet": self.unet, **{text.component: text.model for text in self.texts}}

    def predict(self, latents: torch.Tensor, timesteps: torch.Tensor, conditioning: Conditioning) -> torch.Tensor:
        """Return what the UNet says of noisy latents [B, C, h, w] at timesteps [B] or [], fp32 [B, C, h, w]."""
        told = conditioning.to(self.device, self.dtype)
        prediction: torch.Tensor = self.unet(
            latents.to(self.dtype), timesteps, encoder_hidden_states=told.states, added_cond_kwargs=told.added
        ).sample
        return prediction.float()

    def lay_out(self) -> None:
        """Have the UNet convolve as its device does it fastest; done once, it costs nothing."""
        if self.device.type == "cpu":
            # oneDNN wants the channels of a pixel together, and attention and products need them so anyway.
            self.unet.to(memory_format=torch.channels_last)
            use_products(self.unet)

    def move(self, device: torch.device) -> None:
        """Bring UNet and text encoders to `device`; the VAE follows when it is used."""
        for model in self.components.values():
            model.to(device)
        self.device = device

    def set_texts_aside(self) -> None:
        """Make room for training until text is read again."""
        for text in self.texts:
            self._set_aside(text.model)

    def set_vae_aside(self) -> None:
        """Make room for training until a picture is encoded or decoded."""
        self._set_aside(self.vae)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Have the text encoders where the UNet is; those that were set aside go back afterwards."""
        aside = [text for text in self.texts if self._is_aside(text.model)]
        try:
            for text in aside:
                self._bring_back(text.component, text.model)
            yield
        finally:
            for text in aside:
                self._set_aside(text.model)

    def vae_at_work(self) -> Any:
        """Return the VAE where the UNet is; `set_vae_aside` makes room again."""
        if self._is_aside(self.vae):
            self._bring_back("vae", self.vae)
        return self.vae

    def bring_back(self) -> None:
        """Have every part where the UNet is."""
        self.vae_at_work()
        for text in self.texts:
            if self._is_aside(text.model):
                self._bring_back(text.component, text.model)

    def _set_aside(self, model: Any) -> None:
        """Move a part out of a GPU into main memory, and out of main memory where it can be read again."""
        if self.device.type != "cpu":
            model.to("cpu")
        elif self.read_again is not None:
            empty(model)
            trim()

    def _is_aside(self, model: Any) -> bool:
        return is_empty(model) or model.device.type != self.device.type

    def _bring_back(self, name: str, model: Any) -> None:
        if is_empty(model):
            assert self.read_again is not None
            refill(model, self.read_again(name).named_parameters())
        model.to(self.device)

    @cached_property
    def fingerprint(self) -> str:
        """What tells this base from another: sizes and beginnings of its weights and configurations, as a sha256."""
        files = [self.source] if self.source.is_file() else sorted(self.source.rglob("*"))
        digest = hashlib.sha256()
        for file in files:
            if file.suffix in (".safetensors", ".json") and file.is_file():
                with open(file, "rb") as content:
                    digest.update(f"{file.name} {file.stat().st_size} ".encode() + content.read(1 << 20))
        return digest.hexdigest()

    @property
    def prediction_type(self) -> PredictionType:
        """What the UNet predicts: "epsilon" or "v_prediction"."""
        return self.schedule.prediction_type

    @property
    def vae_scale_factor(self) -> int:
        """Pixels per latent in each direction (8 for Stable Diffusion)."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))
