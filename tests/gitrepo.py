"""Small git repositories for tests, made by git itself, commit by commit at given times."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

NOON = 1_700_000_000  # 2023-11-14T22:13:20Z, when the first commit is made unless a test says otherwise


class GitRepo:
    """A repository in `folder` with a work tree, on branch `main`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main", *options)
        self._seconds = NOON

    def git(self, *arguments: str, feed: bytes = b"", seconds: int = NOON) -> str:
        """Run git; what it printed, without white space around it."""
        dates = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), f"{seconds} +0000")
        return run_git(self.folder, *arguments, feed=feed, more=dates)

    def commit(self, files: Mapping[str, str | bytes | None] | None = None, *, seconds: int | None = None) -> str:
        """Write files (None: remove it) and commit all that changed, an hour after the commit before. Its full name."""
        for name, content in (files or {}).items():
            self._put(self.folder / name, content)
        self._seconds = self._seconds + 3600 if seconds is None else seconds
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=a commit", seconds=self._seconds)
        return self.git("rev-parse", "HEAD")

    def raw_commit(self, committer_time: str, *, tree: str) -> str:
        """Put a commit of a tree on the branch, its committer time written as it is. Its full name."""
        parent = self.git("rev-parse", "HEAD")
        text = f"tree {tree}\nparent {parent}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> {committer_time} +0000\n\nx\n"
        commit = self.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", feed=text.encode())
        self.git("update-ref", "HEAD", commit)
        return commit

    def lose(self, revision: str) -> str:
        """Delete an object (`HEAD:data.json`), as a clone that never had it. Its full name."""
        name = self.git("rev-parse", revision)
        (self.folder / ".git" / "objects" / name[:2] / name[2:]).unlink()
        return name

    @staticmethod
    def _put(path: Path, content: str | bytes | None) -> None:
        if content is None:
            path.unlink()
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def run_git(folder: Path, *arguments: str, feed: bytes = b"", more: Mapping[str, str] | None = None) -> str:
    """Run git in a folder; what it printed, without white space around it."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        input=feed,
        capture_output=True,
        check=False,
        env={**os.environ, **(more or {})},
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode(errors="backslashreplace").strip()
