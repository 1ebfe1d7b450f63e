"""Samples become tensors: latents, noise, timesteps, embeddings and weights, each a function of its position."""

from collections.abc import Iterator, Sequence

import torch

from loratui.dataset.manifest import Manifest
from loratui.dataset.schedule import Sample, caption_of, flipped
from loratui.diffusion import draws
from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.conditioning import Conditioning
from loratui.diffusion.sending import sent
from loratui.profile.schema import Profile
from loratui.training.captions import CaptionEncoder
from loratui.training.latents import LatentCache
from loratui.training.objective import Batch


class BatchBuilder:
    """Builds the batches of a run; keeps no random state."""

    def __init__(
        self, base: BaseModel, profile: Profile, manifest: Manifest, latents: LatentCache, captions: CaptionEncoder
    ) -> None:
        self._base = base
        self._dataset = profile.dataset
        self._training = profile.training
        self._manifest = manifest
        self.latents = latents
        self._captions = captions

    def caption(self, sample: Sample, epoch: int) -> str:
        """Return what the model reads for a sample in an epoch, after dropout and shuffling."""
        image = self._manifest.images[sample.image]
        return caption_of(image, self._dataset, self._training.seed, epoch, sample)

    def build(self, samples: Sequence[Sample], *, epoch: int, step: int, position: int) -> Batch:
        """Build one batch.

        Args:
            samples: All of one bucket.
            epoch: Decides captions, mirroring and the draw from the VAE's moments.
            step: Number of the update, from 0; decides noise and timesteps.
            position: Where the first sample stands in the update's global batch.
        """
        seed = self._training.seed
        latents = torch.stack([self._sample_latents(sample, epoch) for sample in samples])
        places = range(position, position + len(samples))
        noise = torch.stack([self._noise(latents.shape[1:], step, place) for place in places])
        limit = self._base.schedule.timesteps
        timesteps = torch.tensor([draws.integer(limit, seed, "timestep", step, place) for place in places])
        device = self._base.device
        return Batch(
            latents=sent(latents, device),
            noise=sent(noise, device),
            timesteps=sent(timesteps, device),
            conditioning=self._conditioning(samples, epoch),
            weights=sent(self._sample_weights(samples) * self._snr_weights(timesteps), device),
        )

    def validation(self, timesteps_per_image: int, most_images: int) -> Iterator[Batch]:
        """Yield the fixed batches of the validation loss, one per picture.

        Every training picture (or an even choice of `most_images`) at timesteps stratified over the whole schedule,
        always with the same noise, its plain caption and the mean of its moments.
        """
        seed, limit = self._training.seed, self._base.schedule.timesteps
        for index in self._validation_images(most_images):
            mean = self.latents.mean(index)
            count = timesteps_per_image
            offset = draws.integer(1000, seed, "validation", index) / 1000
            timesteps = torch.tensor([int((part + offset) / count * limit) for part in range(count)])
            noise = torch.stack([draws.normal(mean.shape, seed, "validation", index, part) for part in range(count)])
            told = self._captions.conditioning([self._manifest.images[index].caption])
            yield Batch(
                latents=mean.expand(count, *mean.shape).to(self._base.device),
                noise=noise.to(self._base.device),
                timesteps=timesteps.to(self._base.device),
                conditioning=told.with_sizes([self.latents.sizes(index)]).expand(count),
                weights=self._snr_weights(timesteps).to(self._base.device),
            )

    def validation_captions(self, most_images: int) -> list[str]:
        """Return the captions that `validation` needs."""
        return [self._manifest.images[index].caption for index in self._validation_images(most_images)]

    def _validation_images(self, most: int) -> list[int]:
        own = [index for index, image in enumerate(self._manifest.images) if not image.regularisation]
        stride = max(1, -(-len(own) // most))
        return own[::stride]

    def _conditioning(self, samples: Sequence[Sample], epoch: int) -> Conditioning:
        told = self._captions.conditioning([self.caption(sample, epoch) for sample in samples])
        return told.with_sizes([self.latents.sizes(one.image, flip=self._is_mirrored(one, epoch)) for one in samples])

    def _is_mirrored(self, sample: Sample, epoch: int) -> bool:
        return self._dataset.flip and flipped(self._training.seed, epoch, sample)

    def _sample_latents(self, sample: Sample, epoch: int) -> torch.Tensor:
        mirrored, seed = self._is_mirrored(sample, epoch), self._training.seed
        return self.latents.sample(sample.image, flip=mirrored, seed=seed, epoch=epoch, repeat=sample.repeat)

    def _noise(self, shape: torch.Size, step: int, place: int) -> torch.Tensor:
        seed, offset = self._training.seed, self._training.noise_offset
        noise = draws.normal(shape, seed, "noise", step, place)
        if offset > 0:
            noise = noise + offset * draws.normal((shape[0], 1, 1), seed, "noise offset", step, place)
        return noise

    def _sample_weights(self, samples: Sequence[Sample]) -> torch.Tensor:
        prior = self._dataset.prior_loss_weight
        images = self._manifest.images
        return torch.tensor([prior if images[sample.image].regularisation else 1.0 for sample in samples])

    def _snr_weights(self, timesteps: torch.Tensor) -> torch.Tensor:
        return self._base.schedule.min_snr_weight(timesteps, self._training.min_snr_gamma)
