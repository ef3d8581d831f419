"""A catalogue behind a real HTTP server, in a process of its own: what it takes to serve weighs on nobody's time.

`python -m bench.serving MODELS [--tags]` prints its address and serves until its standard input ends. With `--tags`
each answer has one, and who sends it back gets 304.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import subprocess
import sys
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any, Final

import msgspec

from bench.processes import ROOT
from collector.world.loopback import Asked, LoopbackServer, Play

SEED: Final = 4  # any: the same catalogue each time
WORDS: Final = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")
DESCRIBED_IN: Final = 34  # words: a model's item has 400 bytes then, as OpenRouter's have without their description
SERVED_BY: Final = 6  # providers of each model: an answer of 3 kB

LISTING: Final = "/api/v1/models"


def path_of(model: str) -> str:
    """Where a model's endpoints are asked for."""
    return f"{LISTING}/{model}/endpoints"


def catalogue(models: int) -> dict[str, bytes]:
    """The answers by path: one list of so many models, and a list of endpoints for each of them."""
    dice = random.Random(SEED)
    items = [_model(dice, number) for number in range(models)]
    encode = msgspec.json.encode
    return {LISTING: encode({"data": items})} | {path_of(item["id"]): encode(_endpoints(dice, item)) for item in items}


def _model(dice: random.Random, number: int) -> dict[str, Any]:
    return {
        "id": f"author-{number % 37}/model-{number}",
        "name": f"Author {number % 37}: Model {number}",
        "created": 1_700_000_000 + number,
        "description": " ".join(dice.choice(WORDS) for _ in range(DESCRIBED_IN)),
        "context_length": 1024 * dice.randrange(16, 1024),
        "pricing": {"prompt": f"{dice.random() / 1e6:.10f}", "completion": f"{dice.random() / 1e6:.10f}"},
    }


def _endpoints(dice: random.Random, model: dict[str, Any]) -> dict[str, Any]:
    served = [
        {
            "name": f"Provider {number} | {model['id']}",
            "tag": f"provider-{number}/fp8",
            "context_length": model["context_length"],
            "pricing": {"prompt": f"{dice.random() / 1e6:.10f}", "completion": f"{dice.random() / 1e6:.10f}"},
            "quantization": "fp8",
            "max_completion_tokens": None,
            "supported_parameters": [
                f"{word}_{each}" for word in WORDS[:4] for each in ("penalty", "tokens", "choice")
            ],
        }
        for number in range(SERVED_BY)
    ]
    return {"data": {"id": model["id"], "description": model["description"], "endpoints": served}}


@contextlib.contextmanager
def serving(models: int, *, tags: bool) -> Iterator[str]:
    """Serve it while the context is open, and tell the address."""
    line = [sys.executable, "-m", "bench.serving", str(models), *(["--tags"] if tags else [])]
    with subprocess.Popen(line, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()  # it ends then


def tag_of(body: bytes) -> str:
    """The tag of an answer."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def _main(models: int, *, tags: bool) -> None:
    answers = {path: (body, tag_of(body)) for path, body in catalogue(models).items()}

    def play(asked: Asked) -> Play:
        body, tag = answers[asked.path]
        headers = {"Date": formatdate(usegmt=True), "Content-Type": "application/json"}
        if not tags:
            return Play(headers=headers, body=body)
        headers["ETag"] = tag
        return Play(304, headers) if asked.headers.get("if-none-match") == tag else Play(headers=headers, body=body)

    with LoopbackServer(play) as server:
        print(server.base_url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    _main(int(sys.argv[1]), tags="--tags" in sys.argv)
