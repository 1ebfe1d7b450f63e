"""Prompts as token windows and hidden states."""

import pytest
import torch

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.text import encode_captions, encode_prompts, hidden_states, tokenise, windows

LONG = ", ".join(f"tag{number}" for number in range(40))  # over 225 tokens in the byte vocabulary


def test_one_window_is_what_the_tokenizer_itself_gives(base: BaseModel) -> None:
    for text in ("", "Emi, girl", LONG):
        expected = base.tokenizer(text, padding="max_length", max_length=77, truncation=True).input_ids
        assert windows(base.tokenizer, text, 1).tolist() == [expected]


def test_windows_share_the_tokens_out_without_loss(base: BaseModel) -> None:
    ids = windows(base.tokenizer, LONG, 3)
    assert ids.shape == (3, 77)
    assert (ids[:, 0] == base.tokenizer.bos_token_id).all()
    assert ids[:, 1:76].flatten().tolist() == tokenise(base.tokenizer, LONG)[:225]


def test_a_special_tokens_name_in_a_caption_is_that_token_as_in_clips_own_tokenizer(base: BaseModel) -> None:
    ids = windows(base.tokenizer, "a <|endoftext|> b", 1)[0].tolist()
    assert ids == base.tokenizer("a <|endoftext|> b", padding="max_length", max_length=77).input_ids
    assert ids[2] == base.tokenizer.eos_token_id


@pytest.mark.parametrize(("length", "tokens"), [(75, 77), (150, 152), (225, 227)])
def test_caption_windows_are_joined_as_kohya_does(base: BaseModel, length: int, tokens: int) -> None:
    embeddings = encode_captions(base, [LONG, "short"], max_token_length=length).states
    assert embeddings.shape == (2, tokens, 32)
    count = length // 75
    ids = windows(base.tokenizer, LONG, count)
    states = base.text_encoder(ids).last_hidden_state
    by_hand = torch.cat([states[0, :1], states[:, 1:-1].reshape(-1, 32), states[-1, -1:]])
    torch.testing.assert_close(embeddings[0], by_hand)


def test_prompts_keep_each_windows_own_ends(base: BaseModel) -> None:
    long = LONG.replace(",", "")
    embeddings = encode_prompts(base, [long, "short"]).states
    count = -(-len(tokenise(base.tokenizer, long)) // 75)
    assert embeddings.shape == (2, 77 * count, 32)
    states = base.text_encoder(windows(base.tokenizer, long, count)).last_hidden_state
    torch.testing.assert_close(embeddings[0], states.reshape(-1, 32))


def test_a_tag_is_not_torn_between_two_windows(base: BaseModel) -> None:
    words = "x" * 70 + ", a long tag"
    states = encode_prompts(base, [words]).states
    apart = [encode_prompts(base, [part]).states for part in ("x" * 70 + ",", "a long tag")]
    torch.testing.assert_close(states, torch.cat(apart, dim=1))


def test_weights_change_the_words_they_are_given_to(base: BaseModel) -> None:
    plain, weighted = (encode_prompts(base, [prompt]).states[0] for prompt in ("a b c", "a (b:1.5) c"))
    by_hand = plain.clone()
    by_hand[2] *= 1.5
    torch.testing.assert_close(weighted, by_hand * plain.mean() / by_hand.mean())


def test_a_prompt_is_the_same_beside_any_other(base: BaseModel) -> None:
    alone = encode_prompts(base, ["a (b:1.5) c"]).states
    beside = encode_prompts(base, ["[x]", "a (b:1.5) c", ""]).states
    torch.testing.assert_close(beside[1:2], alone)


def test_a_negative_prompt_can_be_made_as_long(base: BaseModel) -> None:
    assert encode_prompts(base, [""], at_least=3).states.shape == (1, 231, 32)


def test_clip_skip_counts_layers_as_kohya_does(base: BaseModel) -> None:
    """clip_skip n is the n-th layer from the end, normalised: what an encoder with n − 1 layers fewer gives."""
    ids = windows(base.tokenizer, "Emi, girl", 1)
    with torch.no_grad():
        skipped = hidden_states(base.text_encoder, ids, 2)
        base.text_encoder.encoder.layers = base.text_encoder.encoder.layers[:-1]
        shortened = hidden_states(base.text_encoder, ids, 1)
    torch.testing.assert_close(skipped, shortened)
