"""How Sphinx builds these pages (`make docs`): https://www.sphinx-doc.org/en/master/usage/configuration.html."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the packages are read where they lie: the environment has only what they need

project = "orlog"
exclude_patterns = ["**/.*"]
smartquotes = False  # `--data` stays what it is in help that is quoted

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinxcontrib.mermaid"]

# The pages are read on GitHub too, where ```mermaid is a picture.
myst_fence_as_directive = ["mermaid"]
myst_heading_anchors = 3
mermaid_output_format = "svg"  # drawn while building: pages load no script, from here or from elsewhere
mermaid_cmd = shlex.join([sys.executable, "-m", "mermaidx"])
mermaid_params = ["--quiet", "--theme", "neutral", "--background", "white"]

default_role = "code"  # docstrings write `names` as Markdown does
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_class_signature = "separated"  # what a struct is made of stands below it; few are for others to make
autodoc_default_options = {"members": True, "undoc-members": True, "exclude-members": "__init__, __new__"}

# What annotations name and these pages do not describe.
nitpick_ignore_regex = [
    ("py:.*", r"(collections\.abc|datetime|enum|msgspec|pathlib|sqlite3|types|typing)\b.*"),
    ("py:class", r"eventstore\..*\.T"),  # a type variable
]

html_theme = "furo"
html_title = "orlog"
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False


def at_the_front_door(app: Any, env: Any, node: Any, content: Any) -> Any:
    """Find what is described as `eventstore.NAME` where a reference names the module it is defined in."""
    import eventstore  # noqa: PLC0415  # found only through the path above

    name = node.get("reftarget", "").rpartition(".")[2]
    if node.get("refdomain") != "py" or name not in eventstore.__all__:
        return None
    return env.domains["py"].resolve_xref(env, node["refdoc"], app.builder, "obj", f"eventstore.{name}", node, content)


def setup(app: Any) -> None:
    """Take part in the build."""
    app.connect("missing-reference", at_the_front_door)
