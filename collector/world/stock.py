"""Names and words the world is made of. All are invented; hosts are under `.example` (RFC 2606)."""

from __future__ import annotations

from typing import Final

from collector.world.dice import Dice

AUTHORS: Final = (
    ("alder-labs", "Alder Labs"),
    ("basalt", "Basalt"),
    ("corvid-ai", "Corvid AI"),
    ("dunlin", "Dunlin"),
    ("ember-works", "Ember Works"),
    ("fjordlys", "Fjordlys Å/S"),  # a slash and a letter beyond ASCII, as real names have
    ("gentian", "Gentian"),
    ("hoshi", "Hoshi 星"),
)
FAMILIES: Final = ("heron", "juniper", "krill", "lattice", "marl", "nimbus", "oriel", "pollen", "rook")
SIZES: Final = ("3b", "8b-instruct", "27b", "70b-chat", "mini", "large", "preview", "vision")
PROVIDERS: Final = (
    ("anvil", "Anvil"),
    ("bramble", "Bramble"),
    ("cairn-cloud", "Cairn Cloud"),
    ("delta-nine", "Delta Nine"),
    ("eddy", "Eddy.run"),
    ("foundry-row", "Foundry Row"),
    ("gantry", "Gantry"),
    ("holm", "Holm"),
    ("isobar", "Isobar"),
    ("jetty", "Jetty"),
    ("knoll", "Knoll"),
    ("lodestone", "Lodestone"),
)
COUNTRIES: Final = ("DE", "FR", "JP", "NO", "SG", "US")
TOKENIZERS: Final = ("Bytes", "Morph", "Other", "Pieces")
QUANTIZATIONS: Final = ("fp16", "bf16", "fp8", "int8", "fp4", "unknown")
PARAMETERS: Final = (
    "frequency_penalty",
    "include_reasoning",
    "logit_bias",
    "max_tokens",
    "min_p",
    "presence_penalty",
    "reasoning",
    "repetition_penalty",
    "response_format",
    "seed",
    "stop",
    "structured_outputs",
    "temperature",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
)

_SUBJECTS: Final = (
    "The model",
    "This release",
    "Its decoder",
    "The instruct variant",
    "A distilled teacher",
    "The mixture",
)
_VERBS: Final = ("answers", "summarises", "translates", "plans", "follows", "reads", "compresses", "explains")
_OBJECTS: Final = (
    "long documents",
    "tool calls",
    "tables and charts",
    "source code",
    "multi-turn dialogue",
    "legal prose",
    'quoted "edge cases"',
    "naïve questions — and hard ones",
)
_ENDINGS: Final = (
    "at low cost",
    "with few hallucinations",
    "in 40+ languages",
    "under tight latency budgets",
    "across its whole context window",
    "without further tuning",
    "better than its predecessor",
)


def sentence(dice: Dice) -> str:
    """One sentence in praise of a model, about 70 characters."""
    return f"{dice.pick(_SUBJECTS)} {dice.pick(_VERBS)} {dice.pick(_OBJECTS)} {dice.pick(_ENDINGS)}."


def description(dice: Dice, name: str) -> str:
    """Two paragraphs about the model `name`, 400 to 700 characters."""
    opening = f"{name} is a {dice.pick(('dense', 'sparse', 'hybrid'))} language model. "
    paragraphs = (" ".join(sentence(dice) for _ in range(dice.between(3, 4))) for _ in range(2))
    return opening + "\n\n".join(paragraphs)
