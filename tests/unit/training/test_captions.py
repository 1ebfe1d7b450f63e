"""Caption embeddings: kept while the text encoder is frozen, with a gradient while it learns."""

import torch

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.lora_network import LoraNetwork, trained_layers
from loratui.diffusion.text import encode_captions
from loratui.profile.schema import Network
from loratui.training.captions import CaptionEncoder


def test_a_frozen_encoder_runs_once_per_caption(base: BaseModel) -> None:
    runs = []
    base.text_encoder.register_forward_pre_hook(lambda module, inputs: runs.append(len(inputs[0])))
    captions = CaptionEncoder(base, max_token_length=75, learns=False)
    captions.prepare(["a", "b", "a"])
    captions.prepare(["b", "c"])
    assert runs == [1, 1, 1]
    embeddings = captions.conditioning(["c", "b", "b"]).states
    assert runs == [1, 1, 1]
    captions.forget_all_but(["b"])
    captions.prepare(["a", "b"])
    assert runs == [1, 1, 1, 1]
    expected = encode_captions(base, ["c", "b", "b"], max_token_length=75).states
    torch.testing.assert_close(embeddings, expected)


def test_a_learning_encoder_passes_gradients_to_its_lora(base: BaseModel) -> None:
    components = {"text_encoder": base.text_encoder}
    network = LoraNetwork(
        components, trained_layers(components, Network(rank=2)), seed=1, device=base.device, dtype=base.dtype
    )
    captions = CaptionEncoder(base, max_token_length=75, learns=True)
    captions.prepare(["a"])
    captions.conditioning(["a"]).states.square().mean().backward()
    network.collect_gradients()
    assert network.groups[0].gradient.any()


def test_clip_skip_of_the_profile_is_used(base: BaseModel) -> None:
    base.clip_skip = 2
    captions = CaptionEncoder(base, max_token_length=75, learns=False)
    captions.prepare(["a"])
    expected = encode_captions(base, ["a"], max_token_length=75).states
    torch.testing.assert_close(captions.conditioning(["a"]).states, expected)
