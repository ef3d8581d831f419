"""`orlog run` left alone with a server that misbehaves: ten days by `make thorough`, sixty by `make unattended`."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
import pytest

from tests.faults.unattended import (
    CUT_AFTER,
    DAY,
    DISK_FULL,
    HOUR,
    NO_PROVIDERS,
    OUTAGE,
    OUTAGE_AT,
    SETTLED,
    SLACK,
    START,
    TOLD_EVERY,
    WRONG_DATE,
    Facts,
)
from tests.thorough import THOROUGH

WANTED: Final = os.environ.get("ORLOG_UNATTENDED_DAYS")
DAYS: Final = int(WANTED or 10)  # virtual ones
SECONDS_A_DAY: Final = 60  # of real time, at most: it takes four
SCOPES_AN_HOUR: Final = 10  # at least: there are never less than ten models
FAILED_IN_AN_OUTAGE: Final = 40  # syncs: the circuit breaker tries once an hour at last; without it there are hundreds
GROWS: Final = 1.1  # times the memory of the day on which all has been seen
LATE: Final = HOUR / 10 + TOLD_EVERY + SLACK  # jitter, and when somebody looks
LONGEST_WAIT: Final = 5 * HOUR  # after an outage: four intervals of an hour, and jitter


# of the alerts that are raised once: from when on, within which time, and how long what they tell of lasts
ONCE: Final = {
    ("clock", "openrouter"): (WRONG_DATE[0], HOUR, WRONG_DATE[1] - WRONG_DATE[0]),
    ("disk", ""): (DISK_FULL[0], TOLD_EVERY, DISK_FULL[1] - DISK_FULL[0]),
    ("implausible", "openrouter.models"): (CUT_AFTER, HOUR, HOUR),
    ("implausible", "openrouter.providers"): (NO_PROVIDERS[0], DAY, DAY),
    ("empty", "openrouter.providers"): (NO_PROVIDERS[0] + DAY, DAY, NO_PROVIDERS[1] - NO_PROVIDERS[0] - DAY),
}


@pytest.mark.thorough
@pytest.mark.skipif(not (WANTED or THOROUGH), reason="it takes a minute and a half: `make thorough` runs it")
@pytest.mark.timeout(DAYS * SECONDS_A_DAY)
def test_left_alone_it_asks_in_time_tells_each_alert_once_and_needs_no_more_memory(tmp_path: Path) -> None:
    """P4, P16, P24: nothing that an API does ends it, makes it late, or goes untold."""
    line = [sys.executable, "-m", "tests.faults.unattended", str(tmp_path), str(DAYS)]
    ended = subprocess.run(line, capture_output=True, check=False, timeout=DAYS * SECONDS_A_DAY)
    assert ended.returncode == 0, ended.stderr.decode()
    facts = msgspec.json.decode(ended.stdout, type=Facts)
    assert facts.late == []
    assert facts.checked > DAYS * 24 * SCOPES_AN_HOUR
    assert {"success", "partial", "failed", "archived"} == facts.syncs.keys()
    assert facts.syncs["failed"] <= FAILED_IN_AN_OUTAGE * (1 + DAYS // 30)
    assert set(facts.handles.values()) == {facts.handles[0]}
    assert facts.memory[DAYS - 1] <= GROWS * facts.memory[SETTLED // DAY]
    check_what_was_told_once(facts)
    check_what_was_told_of_the_outage(facts)
    check_turns(facts)


def check_what_was_told_once(facts: Facts) -> None:
    for (code, resource), (since, within, lasts) in ONCE.items():
        (raised, at), (cleared, over) = told(facts, code, resource)
        assert (raised, cleared) == ("alert", "cleared")
        assert since <= at <= since + within + LATE, (code, at)
        assert over <= since + lasts + within + LATE, (code, over)


def check_what_was_told_of_the_outage(facts: Facts) -> None:
    for resource in ("openrouter.models", "openrouter.endpoints"):
        during = [(kind, at) for kind, at in told(facts, "failing", resource) if OUTAGE_AT <= at < OUTAGE_AT + DAY]
        (raised, at), (cleared, over) = during
        assert (raised, cleared) == ("alert", "cleared")
        assert at <= OUTAGE_AT + OUTAGE / 2
        assert OUTAGE_AT + OUTAGE <= over <= OUTAGE_AT + OUTAGE + LONGEST_WAIT


def check_turns(facts: Facts) -> None:
    """No alert is raised that stands, none is cleared that does not, and at the end none stands."""
    for identity in {(each["code"], each["resource"]) for each in facts.notices}:
        kinds = [kind for kind, _ in told(facts, *identity)]
        assert kinds == ["alert", "cleared"] * (len(kinds) // 2), identity


def told(facts: Facts, code: str, resource: str) -> list[tuple[str, timedelta]]:
    """What was told of an alert, and how long after the start."""
    notices = [each for each in facts.notices if (each["code"], each["resource"]) == (code, resource)]
    return [(each["kind"], datetime.fromisoformat(each["at"]) - START) for each in notices]
