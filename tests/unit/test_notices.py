"""Notifications: each alert once when it begins and once when it ends, each change at least once, whatever fails."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
import os
import shlex
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli.render import forms
from cli.render.events import contract
from collector import BadRules, Delivered, Interest, Notifier, Target, filled_in
from collector.notices import notifier as notifying
from collector.notices import state
from eventstore import Alert, Record, Scope
from tests.laying import hour, lay_documents, new_record

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FAILING = Alert("failing", "shop.things", "3 failed syncs in a row", NOW - timedelta(hours=3), "look")
FULL = Alert("disk", "", "the disk is 95% full")
ALL = (Interest("model"),)
SHOES = Scope("api", "shoes")


@pytest.fixture
def record() -> Iterator[Record]:
    with new_record() as record:
        yield record


class Box:
    """Where a command puts what it gets on stdin."""

    def __init__(self, folder: Path, name: str = "box") -> None:
        self._file = folder / f"{name}.jsonl"
        self._broken = folder / f"{name}.broken"

    def target(self, name: str = "box", **more: Any) -> Target:
        script = 'if [ -e "$2" ]; then echo "no room" >&2; exit 3; fi; cat >> "$1"'
        return Target(name=name, command=("sh", "-c", script, "sh", str(self._file), str(self._broken)), **more)

    def breaks(self) -> None:
        self._broken.touch()

    def is_mended(self) -> None:
        self._broken.unlink()

    def got(self) -> list[dict[str, Any]]:
        """What came since the last look."""
        if not self._file.exists():
            return []
        text = self._file.read_text("utf-8")
        self._file.unlink()
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def go(notifier: Notifier, record: Record, *alerts: Alert, now: datetime = NOW) -> Delivered:
    return asyncio.run(notifier.round(record, alerts, now=now))


def seqs(notices: list[dict[str, Any]]) -> list[int]:
    return [notice["event"]["seq"] for notice in notices]


def prices(record: Record, number: int, **cents: int) -> None:
    """A listing at an hour: models by name, and what each costs."""
    lay_documents(record, number, {key: {"id": key, "price": price} for key, price in cents.items()})


# -- alerts


def test_an_alert_is_told_once_when_it_begins_and_once_when_it_ends(record: Record, tmp_path: Path, box: Box) -> None:
    notifier = Notifier(tmp_path, [box.target()])
    assert go(notifier, record) == Delivered()
    assert go(notifier, record, FAILING) == Delivered(1)
    (notice,) = box.got()
    assert notice == {
        "kind": "alert",
        "code": "failing",
        "resource": "shop.things",
        "message": "3 failed syncs in a row",
        "since": "2026-02-28T21:00:00.000Z",
        "hint": "look",
        "at": "2026-03-01T00:00:00.000Z",
    }
    later = Alert("failing", "shop.things", "9 failed syncs in a row", FAILING.since)
    assert go(notifier, record, later) == Delivered()
    assert go(notifier, record, now=NOW + timedelta(hours=1)) == Delivered(1)
    (notice,) = box.got()
    assert (notice["kind"], notice["code"], notice["resource"]) == ("cleared", "failing", "shop.things")
    assert (notice["since"], notice["at"]) == ("2026-02-28T21:00:00.000Z", "2026-03-01T01:00:00.000Z")
    assert go(notifier, record) == Delivered()


def test_a_restart_tells_no_alert_again(record: Record, tmp_path: Path, box: Box) -> None:
    go(Notifier(tmp_path, [box.target()]), record, FAILING, FULL)
    assert [notice["code"] for notice in box.got()] == ["failing", "disk"]
    assert go(Notifier(tmp_path, [box.target()]), record, FAILING, FULL) == Delivered()
    go(Notifier(tmp_path, [box.target()]), record, FULL)
    assert [(notice["kind"], notice["code"]) for notice in box.got()] == [("cleared", "failing")]


def test_an_alert_that_comes_again_is_told_again(record: Record, tmp_path: Path, box: Box) -> None:
    notifier = Notifier(tmp_path, [box.target()])
    for alerts in ([FULL], [], [FULL], []):
        go(notifier, record, *alerts)
    assert [notice["kind"] for notice in box.got()] == ["alert", "cleared", "alert", "cleared"]


def test_alerts_that_came_and_went_while_a_target_failed_are_told_in_their_order(
    record: Record, tmp_path: Path, box: Box
) -> None:
    box.breaks()
    notifier = Notifier(tmp_path, [box.target()])
    assert go(notifier, record, FAILING) == Delivered(0, ("box",))
    assert go(notifier, record, FULL) == Delivered(0, ("box",))
    notifier = Notifier(tmp_path, [box.target()])  # it is kept on disk
    assert go(notifier, record) == Delivered(0, ("box",))
    box.is_mended()
    assert go(notifier, record) == Delivered(4)
    told = [(notice["kind"], notice["code"]) for notice in box.got()]
    assert told == [("alert", "failing"), ("cleared", "failing"), ("alert", "disk"), ("cleared", "disk")]


def test_what_waits_for_a_target_that_fails_for_good_is_bounded_and_what_stands_is_told_in_the_end(
    record: Record, tmp_path: Path, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "OUTBOX", 3)
    box.breaks()
    notifier = Notifier(tmp_path, [box.target()])
    for number in range(10):
        go(notifier, record, Alert("failing", f"shop.{number}", "no"))
    assert len(state.read(tmp_path).targets["box"].outbox) == 3
    box.is_mended()
    for _ in range(2):
        go(notifier, record, Alert("failing", "shop.9", "no"))
    standing: set[str] = set()
    for notice in box.got():
        (standing.add if notice["kind"] == "alert" else standing.remove)(notice["resource"])
    assert standing == {"shop.9"}


def test_a_target_that_wants_no_alerts_gets_none(record: Record, tmp_path: Path, box: Box) -> None:
    assert go(Notifier(tmp_path, [box.target(alerts=False, changes=ALL)]), record, FULL) == Delivered()


# -- changes


def test_a_new_target_starts_at_the_head_and_then_gets_every_change_once(
    record: Record, tmp_path: Path, box: Box
) -> None:
    prices(record, 1, a=1, b=1)
    notifier = Notifier(tmp_path, [box.target(changes=ALL)])
    assert go(notifier, record) == Delivered()
    prices(record, 2, a=2, b=1)
    prices(record, 3, a=2, c=1)
    assert go(notifier, record) == Delivered(3)
    assert seqs(box.got()) == [3, 4, 5]
    prices(record, 4, a=3, c=1)
    notifier = Notifier(tmp_path, [box.target(changes=ALL)])
    assert go(notifier, record) == Delivered(1)
    assert seqs(box.got()) == [6]
    assert go(notifier, record) == Delivered()


def test_a_notice_of_a_change_holds_the_event_as_orlog_log_prints_it(record: Record, tmp_path: Path, box: Box) -> None:
    notifier = Notifier(tmp_path, [box.target(changes=ALL)])
    go(notifier, record)
    prices(record, 1, a=1)
    prices(record, 2, a=2)
    prices(record, 3)
    go(notifier, record)
    notices = box.got()
    printed = [json.loads(forms.encoded(forms.plain(contract(event)))) for event in record.log.events()]
    assert [list(notice["event"].items()) for notice in notices] == [list(event.items()) for event in printed]
    assert [list(notice) for notice in notices] == [["kind", "message", "generation", "cause", "event"]] * 3
    assert {(notice["kind"], notice["generation"], notice["cause"]) for notice in notices} == {("change", 1, "sync")}
    assert [notice["message"] for notice in notices] == ["model a appeared", "model a changed", "model a disappeared"]


def test_notices_have_the_members_that_the_page_shows(record: Record, tmp_path: Path, box: Box) -> None:
    page = (Path(__file__).parents[2] / "docs" / "running.md").read_text("utf-8")
    shown = [json.loads(line) for line in page.splitlines() if line.startswith('{"kind":')]
    notifier = Notifier(tmp_path, [box.target(alerts=True, changes=(Interest("model", None, "/price"),))])
    prices(record, 1, a=1)
    go(notifier, record, FAILING)
    prices(record, 2, a=2)
    go(notifier, record)
    got = box.got()
    assert [list(notice) for notice in got] == [list(notice) for notice in shown]
    assert list(got[2]["event"]) == list(shown[2]["event"])


def test_a_price_of_some_models_is_told_with_both_of_its_values(record: Record, tmp_path: Path, box: Box) -> None:
    interest = Interest("api.model", "open*", "/price")
    notifier = Notifier(tmp_path, [box.target(changes=(interest,))])
    go(notifier, record)
    lay_documents(record, 1, {"openA": {"price": 1.0, "n": 1}, "shut": {"price": 1}, "openB": {"n": 1}})
    lay_documents(record, 2, {"openA": {"price": 1.50, "n": 2}, "shut": {"price": 2}, "openB": {"n": 2}})
    lay_documents(record, 3, {"openA": {"price": 1.50, "n": 3}, "shut": {"price": 2}, "openB": {"n": 2, "price": [1]}})
    go(notifier, record)
    found = [(n["event"]["key"], n["path"], n.get("before", "-"), n.get("after", "-")) for n in box.got()]
    assert found == [
        ("openA", "/price", "-", 1.0),
        ("openA", "/price", 1.0, 1.5),
        ("openB", "/price", "-", [1]),
    ]


def test_the_message_of_a_change_names_what_was_and_what_is(record: Record, tmp_path: Path, box: Box) -> None:
    notifier = Notifier(tmp_path, [box.target(changes=(Interest("model", None, "/price"),))])
    prices(record, 1, a=1)
    go(notifier, record)
    prices(record, 2, a=2)
    lay_documents(record, 3, {"a": {"id": "a", "price": "x" * 100}})
    lay_documents(record, 4, {"a": {"id": "a"}})
    go(notifier, record)
    first, second, third = (notice["message"] for notice in box.got())
    assert first == "model a /price: 1 -> 2"
    assert second.endswith("x…")
    assert len(second) < 100
    assert third.endswith(" -> nothing")


def test_what_two_interests_ask_for_is_told_once_and_in_order(record: Record, tmp_path: Path, box: Box) -> None:
    changes = (Interest("model", "a"), Interest("model"), Interest("model", "a", "/price"))
    notifier = Notifier(tmp_path, [box.target(changes=changes)])
    go(notifier, record)
    prices(record, 1, a=1, b=1)
    prices(record, 2, a=2, b=2)
    go(notifier, record)
    assert [(n["event"]["seq"], n.get("path")) for n in box.got()] == [
        (1, None),
        (1, "/price"),
        (2, None),
        (3, None),
        (3, "/price"),
        (4, None),
    ]


def test_a_category_that_is_not_there_yet_is_told_of_when_it_comes(
    record: Record, tmp_path: Path, box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    prices(record, 1, a=1)
    notifier = Notifier(tmp_path, [box.target(changes=(Interest("shoe"),))])
    go(notifier, record)
    for number in (2, 3):
        prices(record, number, a=number)
        assert go(notifier, record) == Delivered()
    assert sum("there is no category shoe" in str(line.msg) for line in caplog.records) == 1
    lay_documents(record, 4, {"x": {}}, category="shoe", scope=SHOES)
    assert go(notifier, record) == Delivered(1)


def test_a_round_tells_no_more_than_a_batch_and_the_next_goes_on(
    record: Record, tmp_path: Path, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "BATCH", 4)
    notifier = Notifier(tmp_path, [box.target(changes=ALL)])
    go(notifier, record)
    prices(record, 1, **{f"m{number}": 1 for number in range(10)})
    assert [go(notifier, record).notices for _ in range(4)] == [4, 4, 2, 0]
    assert seqs(box.got()) == list(range(1, 11))


def test_a_round_begins_no_delivery_when_its_time_is_up(
    record: Record, tmp_path: Path, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    notifier = Notifier(tmp_path, [box.target()])
    monkeypatch.setattr(notifying, "ROUND_SECONDS", -1.0)
    assert go(notifier, record, FULL) == Delivered()
    monkeypatch.undo()
    assert go(notifier, record, FULL) == Delivered(1)


def test_after_a_rebuild_of_the_log_a_target_is_told_so_and_goes_on_from_its_new_end(
    record: Record, tmp_path: Path, box: Box
) -> None:
    notifier = Notifier(tmp_path, [box.target(changes=ALL)])
    prices(record, 1, a=1)
    go(notifier, record)
    prices(record, 2, a=2)
    rebuild(record)
    assert go(notifier, record) == Delivered(1)
    (notice,) = box.got()
    assert (notice["kind"], notice["generation"], notice["seq"]) == ("reset", 2, 0)
    prices(record, 3, a=3)
    assert go(notifier, record) == Delivered(1)
    assert box.got()[0]["generation"] == 2


def rebuild(record: Record) -> None:
    """Another generation of the log, for which nothing is to be recorded again."""
    with record.transaction():
        record.log.adopt(record.log.begin_generation({}, made_at=hour(9)))


def test_a_record_that_was_put_back_to_an_older_copy_resets_the_cursor(
    record: Record, tmp_path: Path, box: Box
) -> None:
    state.write(tmp_path, state.State({"box": state.Told(state.Cursor(1, 99))}))
    prices(record, 1, a=1)
    notifier = Notifier(tmp_path, [box.target(changes=ALL)])
    assert go(notifier, record) == Delivered(1)
    assert box.got()[0]["kind"] == "reset"
    prices(record, 2, a=2)
    go(notifier, record)
    assert seqs(box.got()) == [2]


# -- failures


def test_what_could_not_be_delivered_is_delivered_later_in_its_order(record: Record, tmp_path: Path, box: Box) -> None:
    notifier = Notifier(tmp_path, [box.target(changes=ALL)])
    go(notifier, record)
    box.breaks()
    for number in (1, 2, 3):
        prices(record, number, a=number)
        assert go(notifier, record) == Delivered(0, ("box",))
    box.is_mended()
    go(notifier, record)
    go(notifier, record)
    assert seqs(box.got()) == [1, 2, 3]


def test_a_target_that_fails_does_not_keep_others_from_being_told(record: Record, tmp_path: Path) -> None:
    bad, good = Box(tmp_path, "bad"), Box(tmp_path, "good")
    bad.breaks()
    notifier = Notifier(tmp_path, [bad.target("bad"), good.target("good")])
    assert go(notifier, record, FULL) == Delivered(1, ("bad",))
    assert len(good.got()) == 1


class Killed(BaseException):
    """As if the process were gone."""


def test_a_kill_right_after_a_delivery_repeats_it_and_loses_none(
    record: Record, tmp_path: Path, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(Notifier(tmp_path, [box.target(changes=ALL)]), record)
    prices(record, 1, a=1, b=1, c=1)
    told: list[int] = []
    for _ in range(3):
        notifier = Notifier(tmp_path, [box.target(changes=ALL)])
        with monkeypatch.context() as patch:
            patch.setattr(state, "write", functools.partial(dying, box, told, state.write))
            with contextlib.suppress(Killed):
                go(notifier, record)
        told += seqs(box.got())
    go(Notifier(tmp_path, [box.target(changes=ALL)]), record)
    told += seqs(box.got())
    assert sorted(set(told)) == [1, 2, 3]
    assert told == sorted(told)
    assert len(told) > 3


def dying(box: Box, told: list[int], write: Any, *arguments: Any) -> None:
    """Die instead of writing what was delivered for the first time; write what was repeated."""
    delivered = seqs(box.got())
    fresh = set(delivered).difference(told)
    told += delivered
    if fresh:
        raise Killed
    write(*arguments)


@pytest.mark.parametrize("text", ["", "{", '{"targets": {"box": {"cursor": "x"}}}', "\x00"])
def test_a_state_that_cannot_be_read_begins_anew_and_says_so(
    record: Record, tmp_path: Path, box: Box, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    prices(record, 1, a=1)
    (tmp_path / state.FILE).write_text(text, "utf-8")
    notifier = Notifier(tmp_path, [box.target(changes=ALL)])
    assert go(notifier, record) == Delivered()
    assert "notifications begin anew" in caplog.text


def test_the_state_is_readable_by_its_owner_only_and_nothing_else_is_left(
    record: Record, tmp_path: Path, box: Box
) -> None:
    go(Notifier(tmp_path, [box.target(changes=ALL)]), record)
    assert stat.S_IMODE((tmp_path / state.FILE).stat().st_mode) == 0o600
    assert {file.name for file in tmp_path.iterdir()} == {state.FILE, notifying.LOCK}


def test_where_the_state_cannot_be_kept_nothing_is_told_twice_by_one_process(
    record: Record, tmp_path: Path, box: Box, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(state, "write", full)
    notifier = Notifier(tmp_path, [box.target()])
    assert [go(notifier, record, FULL).notices for _ in range(3)] == [1, 0, 0]
    assert "No space left on device" in caplog.text


def test_two_processes_tell_everything_once_between_them(record: Record, tmp_path: Path, box: Box) -> None:
    both = [Notifier(tmp_path, [box.target(changes=ALL, alerts=True)]) for _ in range(2)]
    go(both[0], record)
    for number in range(1, 7):
        prices(record, number, a=number)
        go(both[number % 2], record, *([FULL] if number < 4 else []))
        go(both[number % 3 % 2], record, *([FULL] if number < 4 else []))
    notices = box.got()
    assert seqs([notice for notice in notices if notice["kind"] == "change"]) == [1, 2, 3, 4, 5, 6]
    assert [notice["kind"] for notice in notices if notice["kind"] != "change"] == ["alert", "cleared"]


def test_while_one_process_is_at_it_another_leaves_it_to_it(record: Record, tmp_path: Path, box: Box) -> None:
    slow = Target(name="box", command=("sh", "-c", "sleep 0.3"))
    first, second = Notifier(tmp_path, [slow]), Notifier(tmp_path, [box.target()])

    async def both() -> list[Delivered]:
        return [*await asyncio.gather(*(each.round(record, [FULL], now=NOW) for each in (first, second)))]

    assert asyncio.run(both()) == [Delivered(1), Delivered()]
    assert go(second, record, FULL) == Delivered()
    assert box.got() == []


def test_targets_may_change_between_rounds(record: Record, tmp_path: Path) -> None:
    old, new = Box(tmp_path, "old"), Box(tmp_path, "new")
    old.breaks()
    notifier = Notifier(tmp_path, [old.target("it", changes=ALL)])
    go(notifier, record)
    prices(record, 1, a=1)
    assert go(notifier, record) == Delivered(0, ("it",))
    notifier.targets = (new.target("it", changes=(Interest("model", "b"),)),)
    prices(record, 2, a=1, b=1)
    assert go(notifier, record) == Delivered(1)
    assert seqs(new.got()) == [2]


def test_of_a_target_that_is_named_no_more_nothing_is_kept(record: Record, tmp_path: Path, box: Box) -> None:
    go(Notifier(tmp_path, [box.target("old"), box.target("new")]), record, FULL)
    go(Notifier(tmp_path, [box.target("new")]), record, FULL)
    assert list(state.read(tmp_path).targets) == ["new"]


# -- commands


def run(tmp_path: Path, record: Record, command: tuple[str, ...], timeout: float = 10.0) -> Delivered:
    return go(Notifier(tmp_path, [Target(name="it", command=command, timeout=timeout)]), record, FULL)


def test_a_command_is_run_without_a_shell(record: Record, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(tmp_path, record, ("cp", "/dev/stdin", f"{out}; $(touch no)")) == Delivered(1)
    assert json.loads((tmp_path / "out; $(touch no)").read_text("utf-8"))["kind"] == "alert"


@pytest.mark.parametrize(
    "command, reason", [("false", "exited with 1"), ("kill -9 $$", "signal 9"), ("exec 2>&-; exit 4", "4")]
)
def test_a_command_that_fails_is_logged_and_tried_again(
    record: Record, tmp_path: Path, command: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert run(tmp_path, record, ("sh", "-c", command)).failed == ("it",)
    assert reason in caplog.text


def test_what_a_failing_command_said_is_in_the_log_and_a_row_of_failures_is_told_once(
    record: Record, tmp_path: Path, box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    box.breaks()
    notifier = Notifier(tmp_path, [box.target()])
    for _ in range(5):
        go(notifier, record, FULL)
    assert caplog.text.count("exited with 3: no room") == 1
    box.is_mended()
    go(notifier, record, FULL)
    assert caplog.text.count("delivered again") == 1


def test_a_program_that_is_not_there_is_a_failure(
    record: Record, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert run(tmp_path, record, (str(tmp_path / "nowhere"),)).failed == ("it",)
    assert "No such file" in caplog.text


def test_a_command_that_hangs_is_killed_with_all_that_it_started(
    record: Record, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fifo = tmp_path / "held"  # as long as anything that was started lives
    os.mkfifo(fifo)
    with os.fdopen(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), "rb") as held:
        line = f"(echo begun; sleep 600) > {shlex.quote(str(fifo))} & sleep 600"
        assert run(tmp_path, record, ("sh", "-c", line), timeout=0.5).failed == ("it",)
        assert "took longer than 0.5 s" in caplog.text
        os.set_blocking(held.fileno(), True)
        assert held.read() == b"begun\n"  # and the end of it: else this waits for ten minutes


def test_a_command_that_reads_nothing_and_says_a_lot_is_no_trouble(record: Record, tmp_path: Path) -> None:
    target = Target(name="it", command=("sh", "-c", "head -c 300000 /dev/zero >&2"), changes=ALL)
    notifier = Notifier(tmp_path, [target])
    go(notifier, record)
    lay_documents(record, 1, {"a": {"text": "x" * 300_000}})
    assert go(notifier, record) == Delivered(1)


# -- webhooks


class Hook:
    """A server on loopback that keeps what is POSTed to it, and answers as it is told."""

    def __init__(self) -> None:
        self.status = 204
        self.delay = 0.0
        self.more: Mapping[str, str] = {}
        self.got: list[tuple[str, Mapping[str, str], Any]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.got.append((self.path, dict(self.headers), json.loads(body)))
                time.sleep(hook.delay)
                with contextlib.suppress(OSError):
                    self.send_response(hook.status)
                    for name, value in hook.more.items():
                        self.send_header(name, value)
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/t0ps3cret"

    def target(self, **more: Any) -> Target:
        return Target(name="hook", webhook=self.url, **more)


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    thread = threading.Thread(target=hook.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield hook
    hook.server.shutdown()
    thread.join()
    hook.server.server_close()


def test_a_webhook_gets_each_notice_as_json_with_its_headers(record: Record, tmp_path: Path, hook: Hook) -> None:
    target = hook.target(headers={"Authorization": "Bearer x1", "Content-Type": "text/plain"})
    assert go(Notifier(tmp_path, [target]), record, FULL, FAILING) == Delivered(2)
    path, headers, notice = hook.got[0]
    assert path == "/hook/t0ps3cret"
    assert (headers["Authorization"], headers["Content-Type"]) == ("Bearer x1", "application/json")
    assert (notice["kind"], notice["code"]) == ("alert", "disk")


@pytest.mark.parametrize("status", [301, 400, 404, 429, 500])
def test_only_a_2xx_is_delivered_and_no_redirect_is_followed(
    record: Record, tmp_path: Path, hook: Hook, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    hook.status, hook.more = status, {"Location": "/elsewhere"}
    notifier = Notifier(tmp_path, [hook.target()])
    assert go(notifier, record, FULL) == Delivered(0, ("hook",))
    assert f"it answered {status}" in caplog.text
    hook.status = 200
    assert go(notifier, record, FULL) == Delivered(1)
    assert [path for path, _, _ in hook.got] == ["/hook/t0ps3cret"] * 2


def test_a_webhook_that_hangs_is_given_up_in_time(
    record: Record, tmp_path: Path, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    hook.delay = 1.0
    assert go(Notifier(tmp_path, [hook.target(timeout=0.2)]), record, FULL).failed == ("hook",)
    assert "took longer than 0.2 s" in caplog.text


def test_no_secret_of_a_webhook_is_logged_kept_or_shown(
    record: Record, tmp_path: Path, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="orlog")
    target = hook.target(headers={"Authorization": "Bearer t0ps3cret"})
    hook.status = 500
    notifier = Notifier(tmp_path, [target])
    go(notifier, record, FULL)
    gone = Target(
        name="gone", webhook="http://t0ps3cret.invalid.example:1/t0ps3cret", headers={"A": "\u1234 t0ps3cret"}
    )
    assert go(Notifier(tmp_path / "other", [gone]), record, FULL).failed == ("gone",)
    own = "".join(str(line.msg) for line in caplog.records if line.name == "orlog")
    assert "t0ps3cret" not in own
    assert "notification failed" in own
    assert "t0ps3cret" not in (tmp_path / state.FILE).read_text("utf-8")
    assert "t0ps3cret" not in repr(target)


# -- targets


def test_secrets_come_from_the_environment() -> None:
    target = Target(name="t", webhook="https://chat.example/${HOOK}", headers={"Authorization": "Bearer ${TOKEN}"})
    filled = filled_in(target, {"HOOK": "h1", "TOKEN": "t1"})
    assert (filled.webhook, filled.headers) == ("https://chat.example/h1", {"Authorization": "Bearer t1"})
    with pytest.raises(BadRules, match="TOKEN is not set") as caught:
        filled_in(target, {"HOOK": "h1"})
    assert caught.value.field == "headers.Authorization"
    with pytest.raises(BadRules, match="HOOK") as caught:
        filled_in(target, {"TOKEN": "t1", "HOOK": "two\nlines"})
    assert caught.value.field == "webhook"
    assert "lines" not in str(caught.value)


@pytest.mark.parametrize("more", [{}, {"command": ("a",), "webhook": "http://localhost"}])
def test_a_target_is_either_a_command_or_a_webhook(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="either a command or a webhook"):
        Target(name="t", **more)
