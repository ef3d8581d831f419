"""`orlog.toml`."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import config
from cli.failures import Failure
from collector import Interest, Target


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


# -- who is told


def told(text: str, **environ: str) -> list[Target]:
    return config.targets(config.parse(text.encode(), file="orlog.toml"), environ, file="orlog.toml")


def test_whoever_is_named_is_told_of_alerts_unless_it_asks_for_changes() -> None:
    alerts, changes, both = told("""
        [[notify]]
        command = ["tell-me", "--now"]
        [[notify]]
        name = "prices"
        webhook = "https://chat.example/hook"
        timeout = "2m"
        changes = [
            { category = "openrouter.model", key = "openai/*", path = "/pricing/prompt" },
            { category = "model" },
        ]
        [[notify]]
        webhook = "https://chat.example/hook"
        alerts = true
        changes = [{ category = "model" }]
    """)
    assert alerts == Target(name="notify-1", command=("tell-me", "--now"), alerts=True)
    assert changes == Target(
        name="prices",
        webhook="https://chat.example/hook",
        alerts=False,
        changes=(Interest("openrouter.model", "openai/*", "/pricing/prompt"), Interest("model")),
        timeout=120.0,
    )
    assert (both.name, both.alerts, both.changes) == ("notify-3", True, (Interest("model"),))


def test_what_is_secret_comes_from_the_environment() -> None:
    text = """
        [[notify]]
        webhook = "${HOOK}/x"
        headers = { Authorization = "Bearer ${TOKEN}" }
    """
    (target,) = told(text, HOOK="https://chat.example", TOKEN="t0ps3cret")
    assert (target.webhook, target.headers) == ("https://chat.example/x", {"Authorization": "Bearer t0ps3cret"})


@pytest.mark.parametrize(
    "environ, place",
    [
        ({}, "headers.A: the environment's variable TOKEN is not set"),
        ({"TOKEN": "t0ps3cret\nB: c"}, "headers.A: "),
        ({"TOKEN": "t"}, "webhook: the environment's variable HOOK is not set"),
        ({"TOKEN": "t", "HOOK": "t0ps3cret"}, "webhook: with what the environment has it is no URL"),
        ({"TOKEN": "t", "HOOK": "ftp://t0ps3cret.example"}, "webhook: with what the environment has it is no URL"),
    ],
)
def test_what_the_environment_lacks_is_said_with_its_place_and_without_a_value(
    environ: dict[str, str], place: str
) -> None:
    text = '[[notify]]\nwebhook = "${HOOK}"\nheaders = { A = "x ${TOKEN}" }\n'
    with pytest.raises(Failure) as caught:
        told(text, **environ)
    assert str(caught.value).startswith(f"orlog.toml: notify[0].{place}")
    assert "t0ps3cret" not in f"{caught.value} {caught.value.hint}"


HOOK = 'webhook = "https://chat.example"\n'


@pytest.mark.parametrize(
    "text, wrong",
    [
        ("", r"notify\[0\]: give either a command or a webhook"),
        (HOOK + 'command = ["a"]', r"notify\[0\]: give either"),
        ('command = "a b"', r"notify\[0\]\.command: Expected `array`"),
        ("command = []", r"notify\[0\]\.command: write a program"),
        ('command = [""]', r"notify\[0\]\.command: write a program"),
        ('webhook = "chat.example"', r"notify\[0\]\.webhook: write a URL"),
        ('webhook = "https://user:pass@chat.example"', r"notify\[0\]\.webhook: write a URL"),
        ('command = ["a"]\nheaders = { A = "b" }', r"notify\[0\]\.headers: only a webhook"),
        (HOOK + 'timeout = "10"', r"notify\[0\]\.timeout: '10': write"),
        (HOOK + "timeout = 10", r"notify\[0\]\.timeout: Expected"),
        (HOOK + "alerts = false", r"notify\[0\]: it would be told nothing"),
        (HOOK + 'name = ""', r"notify\[0\]\.name: is empty"),
        (HOOK + "webhok = 1", r"notify\[0\]: Object contains unknown field `webhok`"),
        (HOOK + 'changes = [{ key = "a" }]', r"notify\[0\]\.changes\[0\]: Object missing required field `category`"),
        (HOOK + 'changes = [{ category = "" }]', r"notify\[0\]\.changes\[0\]\.category: is empty"),
        (HOOK + 'changes = [{ category = "m", paht = "/a" }]', r"notify\[0\]\.changes\[0\]: .*`paht`"),
        (HOOK + 'changes = [{ category = "m", path = "a" }]', r"notify\[0\]\.changes\[0\]\.path: .*JSON Pointer"),
        (HOOK + 'name = "notify-2"\n[[notify]]\n' + HOOK, r"notify\[1\]\.name: 'notify-2' is the name of another"),
    ],
)
def test_what_is_wrong_about_a_notification_is_said_with_its_place(text: str, wrong: str) -> None:
    with pytest.raises(Failure, match=rf"^orlog\.toml: {wrong}") as caught:
        config.parse(f"[[notify]]\n{text}".encode(), file="orlog.toml")
    assert caught.value.hint


def test_a_header_that_cannot_be_sent_is_said_with_its_place() -> None:
    with pytest.raises(Failure, match=r"notify\[0\]\.headers\.A B: "):
        told(f'[[notify]]\n{HOOK}headers = {{ "A B" = "x" }}')


def example(heading: str) -> str:
    """What the template shows in comments, from a heading to the next empty line."""
    lines = [line.removeprefix("# ") for line in config.TEMPLATE.splitlines()]
    start = lines.index(heading)
    return "\n".join(lines[start : [*lines, ""].index("", start)])


def test_the_example_in_the_template_can_be_read() -> None:
    (target,) = told(example("[[notify]]"), ORLOG_WEBHOOK="https://chat.example")
    assert target.alerts
    assert target.changes


# -- views


def project(text: str) -> config.Project:
    return config.parse(f"[project]\n{text}".encode(), file="orlog.toml").project


def test_views_are_read_as_they_are_said() -> None:
    assert project("") == config.Project()
    said = project("""
        modules = ["views.py", "a_package.views"]
        without = ["manifest"]
        columns = { outage = { area = "/regionName" } }
        noise = { "openrouter.model" = { sets = ["/a"], keyed = { "/b" = "id" } } }
    """)
    assert said == config.Project(
        modules=("views.py", "a_package.views"),
        columns={"outage": {"area": "/regionName"}},
        noise={"openrouter.model": {"sets": ["/a"], "keyed": {"/b": "id"}}},
        without=frozenset({"manifest"}),
    )


@pytest.mark.parametrize(
    "text, wrong",
    [
        ("moduls = []", "project: Object contains unknown field `moduls`"),
        ('modules = "views.py"', "project.modules: Expected `array`, got `str`"),
        ("modules = [1]", r"project.modules\[0\]: Expected `str`, got `int`"),
        ('columns = ["/a"]', "project.columns: Expected `object`, got `array`"),
        ("columns = { outage = { area = 1 } }", "project.columns.*: Expected `str`, got `int`"),
        ('noise = { model = "/a" }', "project.noise.*: Expected `object`, got `str`"),
        ("without = [1]", "project.without.*: Expected `str`, got `int`"),
    ],
)
def test_what_is_wrong_about_views_is_said_with_its_place(text: str, wrong: str) -> None:
    with pytest.raises(Failure, match=rf"^orlog\.toml: {wrong}") as caught:
        project(text)
    assert caught.value.hint


def test_the_views_in_the_template_can_be_read() -> None:
    said = config.parse(example("[project]").encode(), file="orlog.toml").project
    assert said.modules
    assert said.columns
    assert said.noise
    assert said.without
