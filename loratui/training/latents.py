"""The pictures as the UNet sees them: VAE moments, encoded once per run and kept beside its manifest."""

import copy
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from loratui.dataset.buckets import Placement, scaled
from loratui.dataset.images import open_rgb, prepare
from loratui.dataset.manifest import Manifest, ManifestImage
from loratui.diffusion import draws
from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.conditioning import PictureSizes
from loratui.errors import DatasetError, LoraFileError
from loratui.lora_file.header import file_sha256
from loratui.training.trouble import Interrupted


@dataclass(frozen=True)
class Moments:
    """What the VAE says of one picture: mean and standard deviation of its latents, each [C, h, w], unscaled fp32."""

    mean: torch.Tensor
    std: torch.Tensor


class LatentCache:
    """VAE moments of every picture of a manifest, by index and orientation, and the sizes that belong to them."""

    def __init__(
        self,
        moments: dict[tuple[int, bool], Moments],
        scaling_factor: float,
        images: Sequence[ManifestImage],
        placements: Sequence[Placement],
    ) -> None:
        self._moments = moments
        self._scaling_factor = scaling_factor
        self._images = images
        self._placements = placements

    def sizes(self, image: int, *, flip: bool = False) -> PictureSizes:
        """Return what SDXL is told of a picture: how large it was, and what of it was cut out at which size."""
        picture, placement = self._images[image], self._placements[image]
        (width, height), (left, top) = placement.bucket, placement.crop
        if flip:
            left = placement.resized[0] - width - left
        return PictureSizes((picture.height, picture.width), (top, left), (height, width))

    def mean(self, image: int, *, flip: bool = False) -> torch.Tensor:
        """Return the scaled mean latents [C, h, w] of a picture."""
        return self._moments[image, flip].mean * self._scaling_factor

    def sample(self, image: int, *, flip: bool, seed: int, epoch: int, repeat: int) -> torch.Tensor:
        """Return scaled latents [C, h, w] drawn from the moments, the same for the same arguments."""
        moments = self._moments[image, flip]
        noise = draws.normal(moments.mean.shape, seed, "vae", epoch, image, repeat)
        return (moments.mean + moments.std * noise) * self._scaling_factor


def cached_latents(
    base: BaseModel,
    manifest: Manifest,
    file: Path,
    *,
    flip: bool,
    report: Callable[[int, int], None],
    size: float = 1.0,
    step: int = 64,
) -> LatentCache:
    """Return the moments of all pictures, from `file` when it holds just these, else encoded and written there.

    Args:
        base: Its VAE encodes.
        manifest: The frozen pictures.
        file: Cache file inside the run directory.
        flip: Also encode every picture mirrored.
        report: Called with (pictures done, pictures).
        size: What the sides of the buckets are multiplied by, for training on smaller pictures.
        step: Smaller buckets have sides that are multiples of this.

    Raises:
        DatasetError: A picture changed or went away since the launch.
    """
    identity = {"manifest": manifest.digest, "base": base.fingerprint, "flip": str(flip), "size": str(size)}
    moments = _read(file, identity)
    placements = [scaled(image.placement, size, step) for image in manifest.images]
    if moments is None:
        moments = _encode_all(base, manifest, placements, flip=flip, report=report)
        _write(file, moments, identity)
    return LatentCache(moments, float(base.vae.config.scaling_factor), manifest.images, placements)


@torch.no_grad()
def _encode_all(
    base: BaseModel,
    manifest: Manifest,
    placements: Sequence[Placement],
    *,
    flip: bool,
    report: Callable[[int, int], None],
) -> dict[tuple[int, bool], Moments]:
    moments = {}
    total = len(manifest.images)
    vae = _encoder(base)
    try:
        for index, (image, placement) in enumerate(zip(manifest.images, placements, strict=True)):
            picture = _frozen_picture(image)
            for mirrored in (False, True) if flip else (False,):
                pixels = _to_pixels(prepare(picture, placement, flip=mirrored)).to(base.device, vae.dtype)
                found = _encode(base, vae, pixels[None])
                moments[index, mirrored] = Moments(found.mean[0].float().cpu(), found.std[0].float().cpu())
            report(index + 1, total)
    finally:
        base.unet.to(base.device)
    return moments


def _encoder(base: BaseModel) -> Any:
    """Return what encodes: the VAE in fp32, or where the base is in bf16 on a CPU a copy in bf16, six times as fast."""
    vae = base.vae_at_work()
    if base.device.type != "cpu" or base.dtype != torch.bfloat16:
        return vae
    return copy.deepcopy(vae).to(dtype=base.dtype, memory_format=torch.channels_last)


def _encode(base: BaseModel, vae: Any, pixels: torch.Tensor) -> Any:
    """Encode one picture; where a GPU's memory does not hold that too, the UNet makes room until all are done."""
    with suppress(torch.OutOfMemoryError):
        return vae.encode(pixels).latent_dist
    # Only here: while the exception is handled, it keeps the tensors of the attempt that failed.
    base.unet.to("cpu")
    torch.cuda.empty_cache()
    return vae.encode(pixels).latent_dist


def _frozen_picture(image: ManifestImage) -> Image.Image:
    path = Path(image.path)
    try:
        unchanged = file_sha256(path) == image.sha256
    except LoraFileError as error:
        raise DatasetError(error.what, "It was there at the launch: put it back, or run again without it.") from error
    if not unchanged:
        raise DatasetError(f"{path} was changed after the launch.", "Run again to train on the picture as it is now.")
    return open_rgb(path)


def _to_pixels(picture: Image.Image) -> torch.Tensor:
    """Return an RGB picture as fp32 [3, H, W] in −1 … 1."""
    array = numpy.asarray(picture, dtype=numpy.float32)
    return torch.from_numpy(array / 127.5 - 1.0).permute(2, 0, 1).contiguous()


def _write(file: Path, moments: dict[tuple[int, bool], Moments], identity: dict[str, str]) -> None:
    tensors = {}
    for (index, mirrored), value in moments.items():
        tensors[f"{index}.{int(mirrored)}.mean"] = value.mean.contiguous()
        tensors[f"{index}.{int(mirrored)}.std"] = value.std.contiguous()
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".part")
    try:
        save_file(tensors, draft, metadata=identity)
        draft.replace(file)
    except (SafetensorError, OSError) as error:
        draft.unlink(missing_ok=True)
        raise Interrupted(f"The cache {file} cannot be written: {error}", "Make room there, then resume.") from error


def _read(file: Path, identity: dict[str, str]) -> dict[tuple[int, bool], Moments] | None:
    if not file.is_file():
        return None
    try:
        with safe_open(file, framework="pt") as tensors:
            if tensors.metadata() != identity:
                return None
            found = {}
            for key in tensors.keys():  # noqa: SIM118 - safe_open is no mapping
                index, mirrored, part = key.split(".")
                if part == "mean":
                    std = tensors.get_tensor(f"{index}.{mirrored}.std")
                    found[int(index), mirrored == "1"] = Moments(tensors.get_tensor(key), std)
            return found
    except (SafetensorError, OSError):
        return None
