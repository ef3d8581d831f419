"""The command: measure everything, print one table."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import asking, catalogue, growth, importing, projecting, reading, sealed, shell, syncing
from bench.figures import Figure, Figures
from bench.recording import Recording, recording
from bench.table import show

RECORDING = "openrouter-models.bundle"
LARGER = "power-outages.bundle"


def main() -> None:
    """Measure and print. Missing recordings are no error: what needs them is left out, and said so."""
    options = _options()
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="orlog-bench-") as folder:
        for figure in _measured(Path(folder), quick=options.quick):
            figures.add(figure)
    show(figures.figures)
    if options.json is not None:
        options.json.write_bytes(figures.encoded())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench", description="Measure orlog against what there was before it.")
    parser.add_argument("--quick", action="store_true", help="under a minute: without git-history, and fewer rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement there too")
    return parser.parse_args()


def _measured(folder: Path, *, quick: bool) -> Iterator[Figure]:
    recorded = recording(RECORDING, folder)
    if recorded is None:
        _say(f"{RECORDING} is not there (ORLOG_RECORDINGS names the folder): only generated logs are measured")
    else:
        yield from _on_recording(recorded, folder, quick=quick)
    yield from _projecting(folder, quick=quick)
    _say("ask: an entity of many changes is generated")
    yield from asking.of_one_entity(folder, quick=quick)
    _say("sync: 1 001 requests of a server on this machine, alternating")
    yield from syncing.measured(folder, quick=quick)
    _say("growth: two logs are generated")
    yield from growth.measured(folder, quick=quick)


def _on_recording(recorded: Recording, folder: Path, *, quick: bool) -> Iterator[Figure]:
    data = folder / "data"
    _say("import: a process each, alternating")
    yield from importing.measured(recorded, data, _git_history(quick=quick), quick=quick)
    _say("read: the same instants, alternating")
    yield from reading.measured(recorded, data, quick=quick)
    _say("sealed: imported once more, and compacted")
    yield from sealed.measured(recorded, folder, quick=quick)
    _say("shell: a process each, alternating")
    yield from shell.measured(recorded, data, quick=quick)
    _say("ask: two catalogues are compared")
    yield from asking.of_two_instants(recorded, data, quick=quick)
    _say("project: the events of the recording, alternating, and syncs behind it")
    yield from projecting.of_record("OpenRouter", data, folder, projecting.program(), quick=quick)
    yield from projecting.after_syncs("OpenRouter", data, folder, quick=quick)


def _projecting(folder: Path, *, quick: bool) -> Iterator[Figure]:
    outages = projecting.outages(LARGER, folder)
    if outages is None:
        _say(f"{LARGER} is not there: no more events than those of {RECORDING} are projected")
    else:
        _say(f"project: the events of {LARGER}, alternating")
        yield from projecting.of_record("outages", outages, folder, projecting.program(), quick=quick)
    _say("project: syncs of a generated catalogue")
    catalogue.lay_down(folder / "catalogue")
    what = f"{catalogue.MODELS} models, {catalogue.MODELS * catalogue.ENDPOINTS_EACH:,} endpoints"
    yield from projecting.after_syncs(what, folder / "catalogue", folder, quick=quick)


def _git_history(*, quick: bool) -> str | None:
    program = os.environ.get("GIT_HISTORY")
    if program is None and not quick:
        _say("GIT_HISTORY names no git-history (`make bench` installs one): orlog's import stands alone")
    return None if quick else program


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
