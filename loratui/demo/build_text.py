"""Teaches the text encoder to read before the UNet listens, as Stable Diffusion's CLIP had been taught.

Without it a network this small hardly finds out, in an hour, which colour word belongs to which thing. The task: tell
from the caption's hidden states what the picture shows, once from their plain mean (what a cross-attention that has
not yet learned where to look receives) and once through a learned query for each attribute (what it may learn to do).
"""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from loratui.demo.build_plan import Plan, one_cycle, save_checkpoint, say
from loratui.demo.character import Character
from loratui.demo.corpus import Corpus, varied_caption
from loratui.demo.models import TEXT_WIDTH

ATTRIBUTES: tuple[Callable[[Character], str], ...] = (
    lambda c: c.hair_colour,
    lambda c: c.hair_length,
    lambda c: c.hair_style,
    lambda c: c.mouth,
    lambda c: c.eye_colour if c.eyes == "open" else c.eyes,
    lambda c: c.clothes,
    lambda c: c.clothes_colour if c.clothes != "school uniform" else "",
    lambda c: c.glasses,
    lambda c: c.clip,
    lambda c: c.clip_colour if c.clip else "",
    lambda c: c.background if c.pose != "lying in bed" else "",
    lambda c: c.framing,
    lambda c: c.pose,
    lambda c: c.tone,
)


class AttributeReader(nn.Module):
    """Two ways of reading each attribute from hidden states [B, 77, width]; thrown away after the training."""

    def __init__(self, choices: list[int]) -> None:
        super().__init__()
        self.choices = choices
        self.from_mean = nn.Linear(TEXT_WIDTH, sum(choices))
        self.queries = nn.Parameter(torch.randn(len(choices), TEXT_WIDTH) * 0.1)
        self.from_query = nn.ModuleList(nn.Linear(TEXT_WIDTH, count) for count in choices)

    def loss(self, hidden: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy, and the share of right answers from the mean; labels are [B, attributes]."""
        by_mean = self.from_mean(hidden.mean(dim=1)).split(self.choices, dim=-1)
        looks = torch.softmax(self.queries @ hidden.mT / TEXT_WIDTH**0.5, dim=-1) @ hidden
        total = hidden.new_zeros(())
        right = hidden.new_zeros(())
        for i, read in enumerate(self.from_query):
            total = total + F.cross_entropy(by_mean[i], labels[:, i]) + F.cross_entropy(read(looks[:, i]), labels[:, i])
            right = right + (by_mean[i].argmax(dim=-1) == labels[:, i]).float().mean()
        return total, right / len(self.choices)


def attribute_labels(corpus: Corpus) -> tuple[Tensor, list[int]]:
    """Each character's attributes as numbers [N, attributes], and how many values each attribute has."""
    columns, choices = [], []
    for attribute in ATTRIBUTES:
        values = [attribute(character) for character in corpus.characters]
        names = sorted(set(values))
        columns.append(torch.tensor([names.index(value) for value in values]))
        choices.append(len(names))
    return torch.stack(columns, dim=1), choices


def train_text_encoder(plan: Plan, corpus: Corpus, text_encoder: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
    """Train the encoder in place."""
    path = plan.work / "text.pt"
    if plan.resume and path.exists():
        text_encoder.load_state_dict(torch.load(path)["text_encoder"])
        return
    torch.manual_seed(plan.seed + 2)
    labels, choices = attribute_labels(corpus)
    reader = AttributeReader(choices)
    weights = [*text_encoder.parameters(), *reader.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=plan.text_lr, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    schedule = one_cycle(optimizer, plan.text_lr, plan.text_steps)
    recent: list[float] = []
    for step in range(plan.text_steps):
        draws = torch.Generator().manual_seed(plan.seed * 1_000_081 + step)
        words = random.Random(plan.seed * 1_000_099 + step)
        chosen = torch.randint(len(labels), (2 * plan.batch_size,), generator=draws)
        texts = [varied_caption(corpus.characters[i], words) for i in chosen.tolist()]
        tokens = tokenizer(texts, padding="max_length", truncation=True, max_length=77, return_tensors="pt").input_ids
        with plan.autocast():
            hidden = text_encoder(tokens).last_hidden_state
        loss, right = reader.loss(hidden.float(), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        recent = [*recent[-99:], right.item()]
        if (step + 1) % 100 == 0:
            say(f"text {step + 1}/{plan.text_steps} loss {loss.item():.3f} read right {sum(recent) / len(recent):.3f}")
    save_checkpoint(path, {"text_encoder": text_encoder.state_dict()})
