"""The recorded histories, read as git itself shows them."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from collector.transport.git import GitHistory
from tests.gitrepo import run_git
from tests.recordings import data

RECORDINGS = [
    ("openrouter-models.bundle", "data/output.json", 695),
    ("power-outages.bundle", "pge-outages.json", 1500),
    ("bitcoin-price.bundle", "btc-price.json", 2000),
]


def blob_name(body: bytes) -> str:
    """Git's name for a content: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects."""
    return hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("bundle, path, commits", RECORDINGS)
def test_every_commit_is_a_version_with_its_time_and_its_content(
    tmp_path: Path, bundle: str, path: str, commits: int
) -> None:
    run_git(tmp_path, "clone", "--quiet", "--bare", str(data(bundle)), "clone")
    clone = tmp_path / "clone"
    log = run_git(clone, "log", "--first-parent", "--reverse", "--format=%H %ct", "--", path).splitlines()
    wanted = "".join(f"{line.split()[0]}:{path}\n" for line in log)
    blobs = run_git(clone, "cat-file", "--batch-check=%(objectname)", feed=wanted.encode()).splitlines()
    history = GitHistory(clone, path)
    told = [
        (
            f"{version.name.removeprefix('git ').removesuffix(f':{path}')} {version.at.timestamp():.0f}",
            answer.status,
            blob_name(answer.body or b""),
        )
        for version in history.versions()
        for answer in version.answers
    ]
    assert told == [(line, 200, blob) for line, blob in zip(log, blobs, strict=True)]
    assert len(history) == len(told) == commits


@pytest.mark.parametrize("bundle, path, commits", RECORDINGS)
def test_a_range_is_what_git_shows_for_each_of_its_commits(
    tmp_path: Path, bundle: str, path: str, commits: int
) -> None:
    run_git(tmp_path, "clone", "--quiet", "--bare", str(data(bundle)), "clone")
    clone = tmp_path / "clone"
    everything = [(each.name, each.at) for each in GitHistory(clone, path).versions()]
    start = commits // 2
    history = GitHistory(clone, path, since=everything[start][1], until=everything[start + 9][1])
    versions = list(history.versions())
    assert [(each.name, each.at) for each in versions] == everything[start : start + 10]
    for version in versions:
        show = ["git", "show", version.name.removeprefix("git ")]
        assert version.answers[0].body == subprocess.run(show, cwd=clone, capture_output=True, check=True).stdout
