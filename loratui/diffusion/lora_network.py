"""The trained LoRA: which layers of a base get factors, the factors' places in flat buffers, and what a file says.

Layers that read the same input, as an attention's q, k and v do, share one product with their downs.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from loratui.diffusion import draws
from loratui.diffusion.factor_group import FactorGroup
from loratui.diffusion.lora_layers import Adapter, JointDown, remove, unwrapped_modules, wrap
from loratui.lora_file.naming import BaseFamily, Component, Module, lora_targets
from loratui.profile.schema import Network


@dataclass(frozen=True)
class TrainedLayer:
    """A layer that gets a LoRA.

    Attributes:
        key: kohya's name of it, the prefix of its three tensors in the file.
        component: Which of the base's models it is in.
        path: Module path below the component's model.
        rank: Rank of the factors.
        alpha: The file's alpha; the scale is alpha ÷ rank.
    """

    key: str
    component: Component
    path: str
    rank: int
    alpha: float

    @property
    def scale(self) -> float:
        """What B·A is multiplied by: alpha ÷ rank."""
        return self.alpha / self.rank


def trained_layers(
    components: Mapping[Component, nn.Module], network: Network, family: BaseFamily = "sd1"
) -> tuple[TrainedLayer, ...]:
    """Return the layers of `components` that kohya would train with these settings.

    Args:
        components: The models to train: "unet", and the text encoders when they learn too.
        network: The profile's section: ranks and alphas.
        family: Decides the layers' names in the file.
    """
    chosen = []
    for component, root in components.items():
        modules = [
            Module(path, _class_name(module), getattr(module, "kernel_size", None))
            for path, module in unwrapped_modules(root)
        ]
        for target in lora_targets(component, modules, conv=network.conv_rank > 0, family=family):
            rank, alpha = (
                (network.conv_rank, network.conv_alpha) if target.uses_conv_rank else (network.rank, network.alpha)
            )
            chosen.append(TrainedLayer(target.key, component, target.path, rank, alpha))
    return tuple(chosen)


class LoraNetwork:
    """The factors of all targets, attached to a base."""

    def __init__(
        self,
        components: Mapping[Component, nn.Module],
        targets: Iterable[TrainedLayer],
        *,
        seed: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        """Attach fresh factors: `down` uniform in ±1/√fan_in (kaiming, a = √5), `up` zero.

        Args:
            components: Frozen models by component: "unet", "text_encoder".
            targets: Layers to train; their order decides nothing but the layout in memory.
            seed: Decides the first `down` factors.
            device: Where the base is.
            dtype: Precision of the base, and so of the shadows.
        """
        self.targets = tuple(targets)
        self._components = components
        self._views: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        self._adapters: dict[str, Adapter] = {}
        self._joint_downs: list[JointDown] = []
        self.groups: list[FactorGroup] = []
        for component in components:
            members = [target for target in self.targets if target.component == component]
            if members:
                self.groups.append(self._attach(component, members, device, dtype))
        self._initialise(seed)
        self.refresh_shadows()

    def _attach(
        self, component: Component, members: list[TrainedLayer], device: torch.device, dtype: torch.dtype
    ) -> FactorGroup:
        root = self._components[component]
        shapes = {target.key: _factor_shapes(root.get_submodule(target.path), target.rank) for target in members}
        # All downs first, those that read the same input side by side, then the ups by scale: few kernels an update.
        readers = _by_input(members)
        ups = sorted(members, key=lambda target: target.scale)
        order = [(target, 0, 1.0) for joint in readers for target in joint]
        order += [(target, 1, target.scale) for target in ups]
        sizes = [(math.prod(shapes[target.key][which]), scale) for target, which, scale in order]
        group = FactorGroup(component, sizes, device, dtype)
        starts = {(target.key, which): start for (target, which, _), start in zip(order, group.starts, strict=True)}
        for joint in readers:
            first = joint[0].key
            rank, *of_input = shapes[first][0]
            factor = group.shadow_leaf(starts[first, 0], (len(joint) * rank, *of_input))
            # Parts of a joint factor are for looking at; a graph that outlives a pass cannot be recorded.
            downs = factor.detach().chunk(len(joint)) if len(joint) > 1 else (factor,)
            for target, down in zip(joint, downs, strict=True):
                up = group.shadow_leaf(starts[target.key, 1], shapes[target.key][1])
                self._adapters[target.key] = Adapter(down, up)
            if len(joint) > 1:
                self._join(joint, factor)
        for target in members:
            down, up = (group.master_view(starts[target.key, which], shapes[target.key][which]) for which in (0, 1))
            self._views[target.key] = (down, up)
            wrap(root, target.path).adapters.append(self._adapters[target.key])
        return group

    def _join(self, targets: list[TrainedLayer], factor: torch.Tensor) -> None:
        down = JointDown(factor, len(targets))
        self._joint_downs.append(down)
        for place, target in enumerate(targets):
            self._adapters[target.key].joint = (down, place)

    @torch.no_grad()
    def _initialise(self, seed: int) -> None:
        for index, target in enumerate(sorted(self.targets, key=lambda target: target.key)):
            down, _ = self._views[target.key]
            bound = 1 / math.sqrt(math.prod(down.shape[1:]))
            fresh = torch.rand(down.shape, generator=draws.generator(seed, "down", index))
            down.copy_(fresh.mul_(2 * bound).sub_(bound))

    @property
    def parameter_count(self) -> int:
        """Number of trained values."""
        return sum(group.master.numel() for group in self.groups)

    def adapter(self, key: str) -> Adapter:
        """Return the adapter that computes for a target."""
        return self._adapters[key]

    def factors(self, key: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the fp32 masters (down, up) of a target, as views: what is written there is trained on."""
        return self._views[key]

    def refresh_shadows(self) -> None:
        """Bring the masters to the model; call after every change of the masters."""
        for group in self.groups:
            group.refresh_shadows()

    def collect_gradients(self) -> None:
        """Add what a backward pass left on the shadows to the masters' gradients."""
        for group in self.groups:
            group.collect_gradients()

    def clear_gradients(self) -> None:
        """Set all gradients to zero, also after a pass that was broken off; autograd goes on writing into them."""
        for down in self._joint_downs:
            down.forget()
        for group in self.groups:
            group.gradient.zero_()
            group.forget_gradients()

    def set_strength(self, strength: torch.Tensor | None) -> None:
        """Set the strength of every layer: None for 1 (training), or a tensor [] or [B]."""
        for adapter in self._adapters.values():
            adapter.strength = strength

    @contextmanager
    def computing_as_written(self, dtype: torch.dtype, device: torch.device) -> Iterator[None]:
        """Let the layers compute in fp32 on `device` with the masters as a file of `dtype` holds them."""
        shadows = {key: (adapter.down, adapter.up, adapter.joint) for key, adapter in self._adapters.items()}
        try:
            for target in self.targets:
                adapter, (down, up) = self._adapters[target.key], self._views[target.key]
                alpha = torch.tensor(target.alpha).to(dtype).item()
                adapter.down = down.to(dtype).float().to(device)
                adapter.up = up.to(dtype).float().to(device) * (alpha / target.rank)
                adapter.joint = None
            yield
        finally:
            for key, adapter in self._adapters.items():
                adapter.down, adapter.up, adapter.joint = shadows[key]

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return kohya's tensors in fp32 on the CPU: `lora_down.weight`, `lora_up.weight`, `alpha` per target."""
        tensors = {}
        for target in self.targets:
            down, up = self._views[target.key]
            tensors[f"{target.key}.lora_down.weight"] = down.detach().cpu().clone()
            tensors[f"{target.key}.lora_up.weight"] = up.detach().cpu().clone()
            tensors[f"{target.key}.alpha"] = torch.tensor(float(target.alpha))
        return tensors

    def detach(self) -> None:
        """Take the factors out of the base, which is then bare again."""
        for target in self.targets:
            remove(self._components[target.component], target.path, self._adapters[target.key])


# Layers of an attention that read the same input: of diffusers' UNets (self and cross attention), of CLIP. A UNet with
# `only_cross_attention`, whose attn1 reads text too, is no Stable Diffusion 1.x, 2.x or XL.
_SAME_INPUT = re.compile(r"(.*\battn1\.)to_[qkv]|(.*\battn2\.)to_[kv]|(.*\bself_attn\.)[qkv]_proj")


def _by_input(layers: Iterable[TrainedLayer]) -> list[list[TrainedLayer]]:
    """Return the layers, those that read the same input together."""
    groups: dict[str, list[TrainedLayer]] = {}
    for layer in layers:
        found = _SAME_INPUT.fullmatch(layer.path)
        groups.setdefault(f"{found[found.lastindex or 0]} of {layer.rank}" if found else layer.path, []).append(layer)
    return list(groups.values())


def _class_name(module: nn.Module) -> str:
    """Return the class by which kohya chooses layers; a base's convolutions may be of a class of our own."""
    return "Conv2d" if isinstance(module, nn.Conv2d) else type(module).__name__


def _factor_shapes(layer: nn.Module, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    layer = getattr(layer, "base", layer)
    if isinstance(layer, nn.Conv2d):
        return (rank, layer.in_channels, *layer.kernel_size), (layer.out_channels, rank, 1, 1)
    assert isinstance(layer, nn.Linear)
    return (rank, layer.in_features), (layer.out_features, rank)
