"""Ranks, alphas and the base's family of a rebuilt profile are those of the file's tensors."""

import pytest

from loratui.lora_file.modules import LoraModule
from loratui.lora_file.rebuilding import rebuild_profile
from loratui.lora_file.trained_sizes import by_tensors


def module(number: int, rank: int, alpha: float | None, kernel: tuple[int, ...] = ()) -> LoraModule:
    key = f"lora_unet_layer_{number}"
    return LoraModule(key, "unet", f"layer_{number}", rank, alpha, f"{key}.down", f"{key}.up", kernel)


def test_shapes_decide_where_nothing_is_said() -> None:
    rebuilt = by_tensors(rebuild_profile({}), [module(1, 4, 2.0), module(2, 4, 2.0)], "sd1")
    assert (rebuilt.profile.network.rank, rebuilt.profile.network.alpha) == (4, 2.0)
    assert {"network.rank", "network.alpha"} <= set(rebuilt.taken)
    assert rebuilt.left_out == ()


def test_metadata_that_lies_is_told() -> None:
    rebuilt = by_tensors(rebuild_profile({"ss_network_dim": "64", "ss_network_alpha": "2"}), [module(1, 4, 2.0)], "sd1")
    assert rebuilt.profile.network.rank == 4
    assert rebuilt.left_out == (("rank", "64", "the tensors say 4"),)


def test_a_missing_alpha_counts_as_the_rank_and_half_precision_is_rounded() -> None:
    assert by_tensors(rebuild_profile({}), [module(1, 6, None)], "sd1").profile.network.alpha == 6.0
    assert by_tensors(rebuild_profile({}), [module(1, 6, 3.19921875)], "sd1").profile.network.alpha == 3.199


def test_of_several_ranks_the_commonest_is_taken_and_told() -> None:
    modules = [module(1, 4, 4.0), module(2, 8, 8.0), module(3, 8, 8.0)]
    rebuilt = by_tensors(rebuild_profile({}), modules, "sd1")
    assert rebuilt.profile.network.rank == 8
    assert ("rank", "4, 8", "a profile has one for all layers: 8, the commonest, is taken") in rebuilt.left_out


def test_convolutions_have_a_rank_of_their_own() -> None:
    modules = [module(1, 4, 4.0, (1, 1)), module(2, 2, 1.0, (3, 3))]
    network = by_tensors(rebuild_profile({}), modules, "sd1").profile.network
    assert (network.rank, network.conv_rank, network.conv_alpha) == (4, 2, 1.0)


def test_a_size_that_cannot_be_trained_is_left_out() -> None:
    rebuilt = by_tensors(rebuild_profile({}), [module(1, 4, 0.0)], "sd1")
    assert ("alpha", "0", "loratui trains no such size") in rebuilt.left_out
    assert "network.alpha" not in rebuilt.taken


@pytest.mark.parametrize(
    ("family", "base"),
    [("sdxl", "stabilityai/stable-diffusion-xl-base-1.0"), ("sd2", "stabilityai/stable-diffusion-2-1")],
)
def test_the_base_is_of_the_files_family_unless_it_is_named(family: str, base: str) -> None:
    rebuilt = by_tensors(rebuild_profile({}), [module(1, 4, 4.0)], family)  # type: ignore[arg-type]
    assert rebuilt.profile.model.base == base
    [told] = [sentence for sentence in rebuilt.to_choose if sentence.startswith("model.base")]
    assert base in told
    named = rebuild_profile({"ss_sd_model_name": "anime.safetensors"})
    assert by_tensors(named, [module(1, 4, 4.0)], family).profile.model.base == "anime.safetensors"  # type: ignore[arg-type]


def test_sdxl_gets_its_own_resolution_and_room_for_tall_pictures() -> None:
    dataset = by_tensors(rebuild_profile({}), [module(1, 4, 4.0)], "sdxl").profile.dataset
    assert (dataset.resolution, dataset.max_bucket_reso) == (1024, 2048)
    said = rebuild_profile({"ss_resolution": "(768, 768)", "ss_max_bucket_reso": "1024"})
    dataset = by_tensors(said, [module(1, 4, 4.0)], "sdxl").profile.dataset
    assert (dataset.resolution, dataset.max_bucket_reso) == (768, 1024)
