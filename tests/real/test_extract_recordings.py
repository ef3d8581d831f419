"""Extraction of what real services really said."""

from __future__ import annotations

import csv
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector import Body, Extracted, Extraction, Extractor, Format, resolve
from eventstore import Document, Scope, canonical_bytes, parse
from tests.recordings import conformance, data

SCOPE = Scope("real", "recorded")


def versions(bundle: str, path: str, folder: Path) -> Iterator[bytes]:
    """Read all versions of a file of a recorded repository, oldest first."""
    subprocess.run(["git", "clone", "--quiet", "--bare", data(bundle), folder], check=True)
    git = ["git", "-C", str(folder)]
    commits = subprocess.run([*git, "rev-list", "--reverse", "HEAD"], check=True, capture_output=True).stdout.split()
    wanted = b"".join(commit + b":" + path.encode() + b"\n" for commit in commits)
    answers = subprocess.run([*git, "cat-file", "--batch"], check=True, capture_output=True, input=wanted).stdout
    at = 0
    while at < len(answers):
        start = answers.index(b"\n", at) + 1
        at = start + int(answers[at:start].split()[2]) + 1
        yield answers[start : at - 1]


def extracted(extractor: Extractor, answer: bytes) -> Extracted:
    return extractor.extract(SCOPE, [Body(1, 200, answer)])


def listed(found: Extracted) -> dict[str, bytes]:
    """The documents of a complete listing without issues, by key, in order."""
    assert found.issues == ()
    assert found.listing is not None
    assert found.listing.complete
    assert all(len(item.parts) == 1 for item in found.listing.items)
    return {item.key: item.parts[0][1].canonical for item in found.listing.items}


def test_every_item_of_every_version_of_the_models_is_extracted(tmp_path: Path) -> None:
    extractor = Extractor(resolve("openrouter.models").extraction)
    count = 0
    for answer in versions("openrouter-models.bundle", "data/output.json", tmp_path):
        expected = {item["id"]: Document.parsed(item).canonical for item in parse(answer)["data"]}
        assert list(listed(extracted(extractor, answer)).items()) == list(expected.items())
        count += 1
    assert count == 695


def test_every_outage_of_every_version_is_extracted_and_twins_stay_two(tmp_path: Path) -> None:
    extractor = Extractor(Extraction("outage", "{outageNumber}", items=""))
    codes: Counter[str] = Counter()
    for answer in versions("power-outages.bundle", "pge-outages.json", tmp_path):
        found = extracted(extractor, answer)
        assert found.listing is not None
        assert found.listing.complete
        assert [(item.key, item.parts[0][1].canonical) for item in found.listing.items] == [
            (item["outageNumber"], Document.parsed(item).canonical) for item in parse(answer)
        ]
        codes.update(issue.code for issue in found.issues)
    assert set(codes) <= {"duplicate-key"}


def test_every_version_of_a_single_document_is_extracted(tmp_path: Path) -> None:
    extractor = Extractor(Extraction("price", "btc"))
    for answer in versions("bitcoin-price.bundle", "btc-price.json", tmp_path):
        assert listed(extracted(extractor, answer)) == {"btc": canonical_bytes(parse(answer))}


def test_providers_are_extracted_and_none_are_none() -> None:
    rules = resolve("openrouter.providers").extraction
    none, some = (data("openrouter") / f"providers-{n}.json" for n in (1, 2))
    assert listed(extracted(Extractor(rules), none.read_bytes())) == {}
    answer = some.read_bytes()
    expected = {provider["slug"]: canonical_bytes(provider) for provider in parse(answer)["data"]}
    assert listed(extracted(Extractor(rules), answer)) == expected


@pytest.mark.parametrize("report, column", [("club", "Club Number"), ("district", "Club")])
def test_every_club_of_the_dashboards_is_extracted_and_the_footer_is_none(report: str, column: str) -> None:
    rules = Extraction("club", f"{{{column}}}", format=Format.CSV, footer=1)
    files = sorted(data("toastmasters").glob(f"{report}-*.csv"))
    assert len(files) == 3
    for file in files:
        lines = file.read_text(encoding="utf-8").strip().splitlines()
        assert lines.pop().startswith("Month of ")
        rows = list(csv.DictReader(lines))
        assert all(len(row[column]) == 8 for row in rows)
        assert listed(extracted(Extractor(rules), file.read_bytes())) == {
            row[column]: canonical_bytes(row) for row in rows
        }


def suite(prefix: str) -> list[Path]:
    found = sorted(conformance("json-parsing").glob(f"{prefix}*.json"))
    assert found, f"the suite has no {prefix} files"
    return found


def as_member(text: bytes) -> Extracted:
    answer = b'{"data": [{"id": "a"}, {"id": "b", "v": ' + text + b"}]}"
    return extracted(Extractor(Extraction("case", "{id}", items="/data")), answer)


def test_an_item_with_what_every_parser_must_read_is_extracted_as_it_is() -> None:
    for file in suite("y_"):
        text = file.read_bytes()
        assert listed(as_member(text)) == {"a": b'{"id":"a"}', "b": canonical_bytes({"id": "b", "v": parse(text)})}, (
            file.name
        )


def test_an_item_with_what_every_parser_must_refuse_is_never_extracted() -> None:
    for file in suite("n_"):
        found = as_member(file.read_bytes())
        assert found.issues, file.name
        if found.listing is not None:
            assert [item.key for item in found.listing.items] == ["a"], file.name


def test_a_document_that_every_parser_must_refuse_is_never_extracted() -> None:
    extractor = Extractor(Extraction("case", "case"))
    for file in suite("n_"):
        found = extracted(extractor, file.read_bytes())
        assert found.listing is None or found.listing.items == (), file.name
        assert found.issues, file.name


def test_a_document_that_every_parser_must_read_is_extracted_unless_it_is_a_list() -> None:
    extractor = Extractor(Extraction("case", "case"))
    for file in suite("y_"):
        text = file.read_bytes()
        found = extracted(extractor, text)
        if isinstance(parse(text), list):
            assert [issue.code for issue in found.issues] == ["no-items"], file.name
        else:
            assert listed(found) == {"case": canonical_bytes(parse(text))}, file.name
