"""`orlog.toml`."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import config
from cli.failures import Failure


def test_the_template_is_a_file_that_can_be_read() -> None:
    assert config.parse(config.TEMPLATE.encode(), file="orlog.toml") == config.Config(("openrouter",))


@pytest.mark.parametrize("text", ["sources = 1", "source = []", "sources = [", "sources = [1]", "\udcff"])
def test_what_is_wrong_is_said_with_the_name_of_the_file(text: str) -> None:
    with pytest.raises(Failure, match=r"data/orlog\.toml: .") as caught:
        config.parse(text.encode(errors="surrogateescape"), file="data/orlog.toml")
    assert caught.value.hint


def test_without_a_file_nothing_is_watched(tmp_path: Path) -> None:
    assert config.read(tmp_path) == config.Config()
    assert config.read(tmp_path / "nowhere") == config.Config()


def test_making_one_leaves_what_is_there(tmp_path: Path) -> None:
    path = config.make(tmp_path)
    assert path.read_text(encoding="utf-8") == config.TEMPLATE
    path.write_text("sources = []\n", encoding="utf-8")
    assert config.make(tmp_path) == path
    assert path.read_text(encoding="utf-8") == "sources = []\n"


def test_source_files_are_relative_to_the_data_directory(tmp_path: Path) -> None:
    named = config.Config(("openrouter", "my.toml", "more/a.toml", "more/b.toml", "/etc/c.toml"))
    assert config.source_files(named, tmp_path) == [
        tmp_path / "my.toml",
        tmp_path / "more/a.toml",
        tmp_path / "more/b.toml",
        Path("/etc/c.toml"),
    ]
    assert config.folders(named, tmp_path) == [tmp_path, tmp_path / "more", Path("/etc")]
