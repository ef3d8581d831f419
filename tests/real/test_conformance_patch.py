"""The JSON Patch suite: apply passes it, and the jsonpatch library applies our diffs of its documents."""

from __future__ import annotations

from typing import Any

import jsonpatch
import pytest

from eventstore.canonical import canonical, encode, parse
from eventstore.errors import PatchError
from eventstore.patch import apply, apply_in_place, diff
from tests.recordings import conformance

ENABLED = 108
"""Cases of the two files that are not disabled and say what is to come out."""


def cases() -> list[dict[str, Any]]:
    files = [conformance(f"json-patch/{name}.json") for name in ("tests", "spec_tests")]
    every = [case for file in files for case in parse(file.read_bytes())]
    return [case for case in every if not case.get("disabled") and ("expected" in case or "error" in case)]


def test_the_suite_is_as_large_as_it_was() -> None:
    assert len(cases()) == ENABLED


def test_apply_does_what_the_suite_expects_and_refuses_what_it_calls_an_error() -> None:
    for case in cases():
        document, patch = case["doc"], case["patch"]
        was = canonical([document, patch])
        if "expected" in case:
            assert canonical(apply(document, patch)) == canonical(case["expected"]), case
            assert canonical([document, patch]) == was, case
            assert canonical(apply_in_place(document, patch)) == canonical(case["expected"]), case
        else:
            with pytest.raises(PatchError, match="operation 0"):
                apply(document, patch)


def test_another_library_applies_our_diffs_of_all_its_documents() -> None:
    for case in cases():
        if "expected" in case:
            before, after = canonical(case["doc"]), canonical(case["expected"])
            for old, new in [(before, after), (after, before)]:
                patch = parse(encode(diff(parse(old), parse(new))))
                assert canonical(jsonpatch.apply_patch(parse(old), patch)) == new, case
