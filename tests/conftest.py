"""What holds for every test: how hypothesis searches, and that nothing of this machine is seen."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.thorough import much

# How long an example takes says something about the machine, not about orlog: neither deadlines nor "too slow".
# Built upon hypothesis' own default by name: where CI is set, it would begin from its profile for CI.
_ANY_MACHINE = settings(
    settings.get_profile("default"), deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)

_SOME = settings(_ANY_MACHINE, max_examples=much(25, 100))
settings.register_profile("default", _SOME)
# CI judges a change, not its luck: the same examples each time. `default` on a desk searches on.
settings.register_profile("ci", _SOME, derandomize=True, database=None)
settings.register_profile("long", _ANY_MACHINE, max_examples=5000, stateful_step_count=100)
# for `make planted`: that a test fails is enough, by which example is not asked
_UNSHRUNK = (Phase.explicit, Phase.generate)
settings.register_profile("planted", _ANY_MACHINE, max_examples=25, derandomize=True, database=None, phases=_UNSHRUNK)
settings.load_profile("ci" if os.environ.get("CI") else "default")

_UNSET = ("ORLOG_DATA", "ORLOG_ADMIN_TOKEN", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "GIT_DIR", "GIT_WORK_TREE", "TZ")
_AUTHOR = {"NAME": "A Tester", "EMAIL": "tester@example.org"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Count what hypothesis gives examples to among what `make thorough` tries more of."""
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("thorough")


@pytest.fixture(scope="session", autouse=True)
def nothing_of_this_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide this user's data directories and git settings; commits of tests are by nobody."""
    home = tmp_path_factory.mktemp("home")
    # Where the tests are run in the background by a shell, it has them ignore interrupts, and so whatever they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.MonkeyPatch.context() as patch:
        for name in _UNSET:
            patch.delenv(name, raising=False)
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_DATA_HOME", str(home / "share"))
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        for role in ("AUTHOR", "COMMITTER"):
            for field, value in _AUTHOR.items():
                patch.setenv(f"GIT_{role}_{field}", value)
        yield
