"""What is printed, as a function of what is known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from cli.journal import Failed, SyncLine
from cli.options import Format
from cli.overview import CategoryLine, Overview, ResourceLine, SyncCounts, Watch
from cli.render import events, forms, journal, overviews, states, work
from cli.terminal.paper import Paper
from collector import Imported, Rebuilt
from eventstore import (
    Alert,
    Cause,
    Document,
    Entity,
    Entry,
    Event,
    Finding,
    Issue,
    Kind,
    Scope,
    Sizes,
    State,
    Status,
    canonical_bytes,
)

EARLY = datetime(2025, 1, 1, tzinfo=UTC)
LATE = datetime(2025, 1, 2, 12, 0, 0, 250000, tzinfo=UTC)
SCOPE = Scope("shop", "things")
NOTHING = hashlib.sha256(b"").hexdigest()


def text(chunks: Iterable[bytes]) -> str:
    return b"".join(chunks).decode()


def event(kind: Kind, body: bytes | None, **more: object) -> Event:
    fields: dict[str, object] = {
        "seq": 7,
        "entity": Entity("shop", "thing", "a"),
        "parent": None,
        "scope": SCOPE,
        "kind": kind,
        "observed_at": LATE,
        "not_before": EARLY,
        "sync": 3,
        "hash": NOTHING,
        "body": body,
    }
    return Event(**{**fields, **more})  # type: ignore[arg-type]


def state(key: str, document: bytes) -> State:
    return State(Entity("shop", "thing", key), None, SCOPE, 7, EARLY, Document(document), 12, LATE)


# -- rows


def test_a_json_list_has_one_value_on_each_line() -> None:
    assert text(forms.rows([1, {"b": 1, "a": 2}], Format.JSON)) == '[\n1,\n{"b":1,"a":2}\n]\n'


def test_an_empty_json_list_is_a_list() -> None:
    assert text(forms.rows([], Format.JSON)) == "[]\n"


def test_json_lines_of_nothing_are_nothing() -> None:
    assert text(forms.rows([], Format.JSONL)) == ""


def test_structs_times_and_enums_become_json() -> None:
    assert forms.plain([Failed(3, "timed out"), {"cause": Cause.IMPORT}, (LATE,)]) == [
        {"attempt": 3, "error": "timed out"},
        {"cause": "import"},
        ["2025-01-02T12:00:00.250Z"],
    ]


def test_bytes_that_are_no_text_are_printed_as_escapes() -> None:
    assert json.loads(text(forms.one({"path": "a\udcff"}))) == {"path": "a\\udcff"}


def test_columns_are_as_wide_as_their_widest_cell_and_nothing_is_cut() -> None:
    printed = text(forms.table(("KEY", "N"), [("a" * 300, "1"), ("模型", "22")]))
    assert printed.splitlines() == [
        "KEY" + " " * 297 + "  N",
        "a" * 300 + "  1",
        "模型" + " " * 296 + "  22",
    ]


def test_others_are_not_padded_to_a_key_of_megabytes() -> None:
    heading, long, short = text(forms.table(("KEY", "N"), [("a" * 1_000_000, "1"), ("ab", "22")])).splitlines()
    assert (heading, len(long), short) == ("KEY  N", 1_000_003, "ab   22")


def test_a_table_obeys_no_control_characters_of_others() -> None:
    assert "\x1b" not in text(forms.table(("KEY",), [("\x1b]0;owned\x07",)]))


def test_indenting_escapes_what_a_terminal_obeys_and_keeps_the_value() -> None:
    value = {"c1": "\x9b2J\x7f", "bidi": "\u202e", "line": "\u2028\n", "word": "ü模型🦙"}
    shown = forms.indented(canonical_bytes(value)).decode()
    assert set("\x9b\x7f\u202e\u2028") & set(shown) == set()
    assert "ü模型🦙" in shown
    assert json.loads(shown) == value


def test_indenting_leaves_values_as_they_are_written() -> None:
    value = b'{"big":123456789012345678901234567890,"exp":1e+300,"minus":-0.0,"text":"\\u001b\xc3\xbc"}'
    assert forms.indented(value).replace(b"\n", b"").replace(b"  ", b"").replace(b": ", b":") == value


# -- replay


def test_a_catalogue_as_json_holds_each_document_exactly_as_recorded() -> None:
    both = {key: state(key, document) for key, document in [("a", b'{"n":1.0}'), ('"\\#2', b'{"n":-0.0}')]}
    assert text(states.catalogue(both, Format.JSON)) == '{"a":{"n":1.0},\n"\\"\\\\#2":{"n":-0.0}}\n'


def test_an_empty_catalogue_is_an_object() -> None:
    assert text(states.catalogue({}, Format.JSON)) == "{}\n"


def test_a_catalogue_as_json_lines_says_how_each_document_is_known() -> None:
    printed = text(states.catalogue({"a": state("a", b'{"n":1.0}')}, Format.JSONL))
    digest = hashlib.sha256(b'{"n":1.0}').hexdigest()
    assert printed == (
        '{"key":"a","seq":7,"since":"2025-01-01T00:00:00.000Z","confirmed_at":"2025-01-02T12:00:00.250Z",'
        f'"confirmed_by":12,"hash":"{digest}","document":{{"n":1.0}}}}\n'
    )


def test_a_catalogue_as_a_table_lists_keys_with_since_and_confirmed() -> None:
    lines = text(states.catalogue({"a": state("a", b"{}")}, Format.TABLE)).splitlines()
    assert lines[0].split() == ["KEY", "SINCE", "(UTC)", "EVENT", "CONFIRMED"]
    assert lines[1].split() == ["a", "2025-01-01", "00:00:00", "@7", "2025-01-02", "12:00:00.250"]


def test_a_catalogue_in_a_narrow_window_leaves_columns_out() -> None:
    key = "a" * 20

    def heading(room: int) -> list[str]:
        shown = text(states.catalogue({key: state(key, b"{}")}, Format.TABLE, Paper(room))).splitlines()
        assert len(shown[1]) <= room
        return shown[0].replace("(UTC)", "").split()

    assert heading(80) == ["KEY", "SINCE", "EVENT", "CONFIRMED"]
    assert heading(60) == ["KEY", "SINCE", "EVENT"]
    assert heading(45) == ["KEY", "SINCE"]


def test_one_document_as_json_is_its_canonical_bytes() -> None:
    document = canonical_bytes({"b": [1, 1.0, True], "a": "ü"})
    assert b"".join(states.document(state("a", document), Format.JSON)) == document + b"\n"


def test_one_document_for_people_is_indented_under_a_line_that_says_since_when() -> None:
    assert text(states.document(state("a", b'{"n":1}'), Format.TABLE)) == '{\n  "n": 1\n}\n'
    bold = text(states.document(state("a", b'{"n":"m\\": "}'), Format.TABLE, Paper(colour=True)))
    assert bold == '{\n  \x1b[1m"n"\x1b[0m: "m\\": "\n}\n'
    assert states.head(state("a", b"{}")) == (
        "shop.thing a: so since 2025-01-01 00:00:00 UTC (@7), confirmed 2025-01-02 12:00:00.250 (attempt 12)"
    )


# -- log


def test_a_change_as_json_lines_is_what_other_programs_are_promised() -> None:
    changed = event(Kind.CHANGED, b'[{"op":"replace","path":"/n","value":1.0}]', parent="p")
    assert text(events.events([changed], Format.JSONL)) == (
        '{"seq":7,"observed_at":"2025-01-02T12:00:00.250Z","not_before":"2025-01-01T00:00:00.000Z","source":"shop",'
        f'"category":"thing","key":"a","parent":"p","kind":"changed","hash":"{NOTHING}","sync":3,'
        '"patch":[{"op":"replace","path":"/n","value":1.0}]}\n'
    )


def test_an_appearance_comes_with_its_document_and_a_disappearance_with_nothing() -> None:
    appeared = json.loads(text(events.events([event(Kind.APPEARED, b'{"n":1}', not_before=None)], Format.JSONL)))
    assert (appeared["kind"], appeared["document"], appeared["not_before"]) == ("appeared", {"n": 1}, None)
    gone = json.loads(text(events.events([event(Kind.DISAPPEARED, None)], Format.JSONL)))
    assert gone["kind"] == "disappeared"
    assert {"patch", "document"} & set(gone) == set()


# -- status, syncs, issues, roots


def overview(**more: object) -> Overview:
    fields: dict[str, object] = {
        "data": "/data",
        "alerts": (),
        "generation": 2,
        "seq": 25781,
        "first": EARLY,
        "last": LATE,
        "syncs": SyncCounts(695, 0, 0, 0),
        "issues": 4,
        "answers": 690,
        "categories": (CategoryLine("shop", "thing", "things", 3, 1200, 0, None),),
        "resources": (resource_line(),),
        "sizes": Sizes(35_735_332, 122_045, 800_000, 0, 300_000, 200_000, 0, 0, 1_422_045),
    }
    return Overview(**{**fields, **more})  # type: ignore[arg-type]


def resource_line(**more: object) -> ResourceLine:
    fields: dict[str, object] = {
        "resource": "shop.things",
        "watch": Watch.IMPORTED,
        "every": None,
        "sync": 700,
        "cause": Cause.IMPORT,
        "at": LATE,
        "status": "success",
        "complete_at": LATE,
    }
    return ResourceLine(**{**fields, **more})  # type: ignore[arg-type]


def status_lines(**more: object) -> list[str]:
    return text(overviews.table(overview(**more), Paper())).splitlines()


def test_status_says_what_is_recorded_from_when_to_when_and_how_large() -> None:
    assert status_lines() == [
        "data    /data",
        "log     from 2025-01-01 00:00:00 to 2025-01-02 12:00:00.250 UTC",
        "events  25 781 (generation 2)",
        "syncs   695 recorded",
        "issues  4",
        "",
        "CATEGORY    LIVE  EVER   STALE",
        "shop.thing  3     1 200  0",
        "",
        "RESOURCE     LAST SYNC                STATUS   CAUSE   WATCHED",
        "shop.things  2025-01-02 12:00:00.250  success  import  imported",
        "",
        "PART       SIZE",
        "answers    122.0 kB  690 different, 35.7 MB as they came",
        "events     800.0 kB",
        "keyframes  300.0 kB",
        "other      200.0 kB  indexes and bookkeeping",
        "file         1.4 MB",
    ]


def test_status_says_since_when_something_is_stale() -> None:
    seen = status_lines(categories=(CategoryLine("shop", "thing", "things", 3, 9, 2, EARLY),))
    assert seen[6:8] == [
        "CATEGORY    LIVE  EVER  STALE  UNCONFIRMED SINCE",
        "shop.thing  3     9     2      2025-01-01 00:00:00",
    ]


def test_status_says_which_resources_are_due_and_which_were_not_listed() -> None:
    late = resource_line(watch=Watch.WATCHED, every=5400, cause=Cause.SYNC, due_since=EARLY)
    failed = resource_line(resource="shop.others", status="failed", complete_at=EARLY)
    never = resource_line(resource="shop.rest", status="failed", complete_at=None)
    fresh = ResourceLine("shop.new", Watch.WATCHED, 86400)
    seen = [" ".join(line.split()) for line in status_lines(resources=(late, failed, never, fresh))]
    assert "shop.things 2025-01-02 12:00:00.250 success sync every 90 min" in seen
    assert "shop.new - never asked - every 1 d" in seen
    heading = seen.index("STALE WHY")
    assert seen[heading + 1 : heading + 5] == [
        "shop.things due since 2025-01-01 00:00:00",
        "shop.others no complete listing since 2025-01-01 00:00:00",
        "shop.rest no complete listing ever",
        "",
    ]


def test_alerts_come_first_and_in_red() -> None:
    alert = Alert("failing", "shop.things", "3 failed syncs in a row", EARLY, hint="`orlog syncs` says why")
    plain = status_lines(alerts=(alert,))
    assert plain[:3] == [
        "ALERT    RESOURCE     SINCE                WHAT",
        "failing  shop.things  2025-01-01 00:00:00  3 failed syncs in a row",
        "",
    ]
    coloured = text(overviews.table(overview(alerts=(alert,)), Paper(colour=True))).splitlines()
    assert coloured[0] == f"\x1b[1m{plain[0]}\x1b[0m"
    assert coloured[1] == f"\x1b[31m{plain[1]}\x1b[0m"


def test_the_advice_says_what_lifts_each_alert() -> None:
    failing = Alert("failing", "shop.things", "3 failed syncs in a row", EARLY, hint="`orlog syncs` says why")
    disk = Alert("disk", "", "the disk is 90% full", hint="make room on it")
    assert list(overviews.advice(overview(alerts=(failing, disk)))) == [
        "failing (shop.things): `orlog syncs` says why",
        "disk: make room on it",
    ]


def test_status_of_an_empty_record_says_so() -> None:
    empty = status_lines(
        seq=0, first=None, last=None, issues=0, categories=(), resources=(), syncs=SyncCounts(0, 0, 0, 0)
    )
    assert empty[:5] == [
        "data   /data",
        "log    nothing has been recorded yet",
        "syncs  0 recorded",
        "",
        "PART       SIZE",
    ]


def test_parts_of_the_file_that_there_are_not_are_not_shown() -> None:
    sizes = Sizes(35_735_332, 122_045, 800_000, 0, 300_000, 200_000, 4096, 8192, 1_434_333)
    seen = [line.split()[0] for line in status_lines(sizes=sizes)[-7:]]
    assert seen == ["answers", "events", "keyframes", "other", "free", "waiting", "file"]


def test_status_fits_a_terminal_of_80_columns() -> None:
    name, at = "openrouter.endpoint_telemetry", datetime(2025, 1, 2, 12, 0, 5, tzinfo=UTC)
    watched = {"watch": Watch.WATCHED, "every": 3600, "cause": Cause.SYNC, "at": at, "complete_at": at, "due_since": at}
    seen = status_lines(
        alerts=(Alert("failing", "openrouter.endpoints", "12 failed syncs in a row", at),),
        categories=(CategoryLine("openrouter", "endpoint_telemetry", "endpoints", 12_345, 99_999, 1234, at),),
        resources=(resource_line(resource="openrouter.endpoints", status="failed", **watched),),
    )
    assert name in "".join(seen)
    assert max(map(len, seen)) <= 80


def test_syncs_that_are_only_archived_call_for_a_rebuild() -> None:
    assert list(overviews.advice(overview())) == []
    waiting = overview(syncs=SyncCounts(695, 2, 0, 1))
    assert "695 recorded, 2 only archived, 1 open" in text(overviews.table(waiting, Paper()))
    assert list(overviews.advice(waiting)) == ["2 syncs only archived: `orlog rebuild log` lays them down"]


def test_a_clock_in_doubt_calls_for_a_verdict_and_not_for_a_rebuild() -> None:
    clock = Alert("clock", "shop", "1 sync is archived and not recorded", EARLY, hint="`orlog accept 3`")
    seen = overview(alerts=(clock,), syncs=SyncCounts(695, 1, 1, 0))
    assert list(overviews.advice(seen)) == ["clock (shop): `orlog accept 3`"]
    (later,) = overviews.advice(overview(syncs=SyncCounts(695, 1, 1, 0)))  # the clock is right again
    assert later.startswith("1 sync not recorded, for the clock was in doubt")


def sync_line(**more: object) -> SyncLine:
    fields: dict[str, object] = {
        "id": 12,
        "cause": Cause.IMPORT,
        "resources": ("shop.things",),
        "version": None,
        "interrupted": False,
        "opened_at": EARLY,
        "at": LATE,
        "observed_at": None,
        "status": "archived",
        "seq": None,
        "appeared": None,
        "changed": None,
        "disappeared": None,
        "unchanged": None,
        "errors": (),
    }
    return SyncLine(**{**fields, **more})  # type: ignore[arg-type]


def test_a_sync_that_is_only_archived_has_no_counts() -> None:
    (line,) = text(journal.syncs([sync_line()], Format.TABLE)).splitlines()[1:]
    assert line.split() == ["12", "import", "2025-01-02", "12:00:00.250", "archived", *"----"]


def test_the_first_error_of_a_sync_is_shown_below_it_and_the_others_counted() -> None:
    errors = (Failed(3, "timed \x1bout"), Failed(4, "refused"), Failed(5, "refused"))
    recorded = sync_line(observed_at=LATE, status="partial", appeared=1, changed=2000, disappeared=0, unchanged=3)
    line = text(journal.syncs([recorded, sync_line(errors=errors)], Format.TABLE)).splitlines()
    assert line[1].split()[4:] == ["partial", "1", "2", "000", "0", "3"]
    assert line[3] == "      attempt 3: timed \N{REPLACEMENT CHARACTER}out; 2 more"
    assert len(line) == 4


def test_a_table_of_syncs_has_columns_for_versions_and_times_only_where_they_say_something() -> None:
    def header(*lines: SyncLine) -> str:
        return " ".join(text(journal.syncs(lines, Format.TABLE)).splitlines()[0].split())

    assert header() == "SYNC CAUSE AT STATUS + ~ - ="
    assert "OBSERVED AT" not in header(sync_line(observed_at=LATE))
    assert "OBSERVED AT" in header(sync_line(), sync_line(observed_at=EARLY))
    assert "VERSION" in header(sync_line(), sync_line(version="git 0123456789"))


def test_a_table_of_imported_syncs_fits_a_terminal_of_80_columns() -> None:
    at = datetime(2025, 12, 31, 12, 14, 10, tzinfo=UTC)
    counts = {"appeared": 12, "changed": 353, "disappeared": 10, "unchanged": 353}
    line = sync_line(id=12345, at=at, observed_at=at, version=f"git {'5853cdb89a' * 4}:a.json", **counts)
    assert max(map(len, text(journal.syncs([line], Format.TABLE)).splitlines())) <= 80


def test_issues_name_the_sync_and_the_attempt() -> None:
    found = [(3, Issue("duplicate-key", "two items", 12, "a", None))]
    assert json.loads(text(journal.issues(found, {12: "shop.things"}, Format.JSONL))) == {
        "sync": 3,
        "resource": "shop.things",
        "code": "duplicate-key",
        "message": "two items",
        "attempt": 12,
        "key": "a",
        "path": None,
    }
    assert text(journal.issues(found, {12: "shop.things"}, Format.TABLE)).splitlines()[1].split() == [
        *("3", "shop.things", "duplicate-key", "a", "-", "12", "two", "items")
    ]


@pytest.mark.parametrize(
    "kind, sync, name", [("schema", None, "schema"), ("generation", None, "generation 2"), ("sync", 12, "sync 12")]
)
def test_each_entry_of_the_chain_is_named_beside_its_root(kind: str, sync: int | None, name: str) -> None:
    status = None if sync is None else Status.SUCCESS
    entry = Entry(5, 2, kind, "ab" * 32, sync, LATE if sync else None, None, status, None, None, None, None)
    assert text(journal.roots([entry], Format.TABLE)).splitlines()[1].startswith(f"{'ab' * 32}  {name}")
    shown = json.loads(text(journal.roots([entry], Format.JSONL)))
    assert (shown["root"], shown["kind"], shown["sync"]) == ("ab" * 32, kind, sync)


# -- import, rebuild, verify


def test_an_import_says_what_it_archived_and_what_that_changed() -> None:
    done = Imported(archived=695, recorded=695, appeared=1234, changed=24010, disappeared=675, unchanged=190000)
    assert list(work.imported(done, "shop.things")) == [
        "archived 695 versions (695 recorded)",
        "1 234 appeared, 24 010 changed, 675 disappeared, 190 000 unchanged",
    ]


def test_an_import_says_what_should_be_done_next() -> None:
    done = Imported(archived=5, recorded=3, deferred=2, already=9, failed=1, issues=4, rules_changed=True)
    said = list(work.imported(done, "shop.things"))
    assert said[0] == "archived 5 versions (3 recorded, 2 waiting for `orlog rebuild log`), 9 were there already"
    assert said[2:] == [
        "1 version could not be read: `orlog syncs --status failed` says why",
        "the rules of shop.things have changed: `orlog rebuild log` reads all that is archived by the new ones",
        "`orlog rebuild log` lays 2 versions down in their place in time",
        "4 issues: `orlog issues` lists what could not be taken at its word",
    ]


def test_an_import_of_nothing_new_is_one_line() -> None:
    assert list(work.imported(Imported(already=4), "shop.things")) == ["archived 0 versions, 4 were there already"]


@pytest.mark.parametrize("same, end", [(True, ", the same log as before"), (False, ", another log than before")])
def test_a_rebuild_says_whether_the_log_is_the_same(same: bool, end: str) -> None:  # noqa: FBT001
    said = work.rebuilt(Rebuilt(2, 695, 25781, {}, same))
    assert said == f"rebuilt the log as generation 2: 695 syncs, 25 781 events{end}"


def test_findings_name_the_sync_where_it_is_known() -> None:
    found = [Finding("event", 12, "a hash differs"), Finding("file", None, "not readable: \udcff")]
    lines = text(work.findings(found, Format.TABLE)).splitlines()
    assert [line.split(maxsplit=2) for line in lines] == [
        ["WHERE", "SYNC", "WHAT"],
        ["event", "12", "a hash differs"],
        ["file", "-", "not readable: \N{REPLACEMENT CHARACTER}"],
    ]
    assert json.loads(text(work.findings(found, Format.JSON)))[1]["message"] == "not readable: \\udcff"
    assert work.verdict(found, deep=True).startswith("damage: 2 findings")


def test_a_sound_record_prints_no_table() -> None:
    assert text(work.findings([], Format.TABLE)) == ""
    assert text(work.findings([], Format.JSON)) == "[]\n"
    assert work.verdict([], deep=True) == "no damage found"
    assert "--deep" in work.verdict([], deep=False)


def test_a_table_of_syncs_shortens_the_names_of_commits() -> None:
    assert journal._COMMIT.sub(r"\1", f"git {'0123456789' * 4}:data/a.json") == "git 0123456789"
    assert journal._COMMIT.sub(r"\1", "files 2025-01-01") == "files 2025-01-01"
