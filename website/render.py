"""Pages of Markdown as HTML by Sphinx, in our own theme, with labkit's scripts: nothing from elsewhere."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from sphinx.application import Sphinx

from labkit.figure.script import module

HERE = Path(__file__).parent
SETTINGS = {
    "project": "The event-loop lab",
    "html_title": "The event-loop lab",
    "extensions": ["myst_parser"],
    "myst_heading_anchors": 4,
    "html_theme": "theme",
    "html_theme_path": [str(HERE)],
    "html_show_search_summary": False,  # a summary might tell what is veiled on its page
    "html_copy_source": False,
    "html_show_sourcelink": False,
    "html_use_index": False,
    "html_permalinks_icon": "#",
    "highlight_language": "ipython",
    "suppress_warnings": ["myst.header", "misc.highlighting_failure"],
    "html_js_files": [("labkit.js", {"defer": "defer"}), ("players.js", {"defer": "defer"}),
                      ("predictions.js", {"defer": "defer"}), ("wide.js", {"defer": "defer"})],
}  # fmt: skip


def render(pages: Path, out: Path) -> Path:
    """Build `pages` into `out`, which is returned; ValueError says what Sphinx complained of."""
    static = pages / "_static"
    static.mkdir(exist_ok=True)
    (static / "labkit.js").write_text(scripts(), encoding="utf-8")
    css = resources.files("labkit.teaching").joinpath("predict.css").read_text(encoding="utf-8")
    (static / "predict.css").write_text(css, encoding="utf-8")
    own = {"html_static_path": [str(static)], "html_extra_path": [str(pages / "_extra")]}
    complaints = pages / "complaints"
    with complaints.open("w+") as log:
        app = Sphinx(
            pages, None, out, pages / "_doctrees", "html", {**SETTINGS, **own}, status=None, warning=log,
            freshenv=True,
        )  # fmt: skip
        app.build(force_all=True)
    said = complaints.read_text()
    if app.statuscode or said.strip():
        raise ValueError(f"Sphinx complains of the pages:\n{said}")
    return out


def scripts() -> str:
    """What plays tapes and draws cards, as a plain script: modules do not load from files."""
    cards = resources.files("labkit.teaching").joinpath("predict.js").read_text(encoding="utf-8")
    parts = classic(module(), "labkitPlay", "play"), classic(cards, "labkitCard", "exportedByDefault")
    return "".join(["const labkitTapes = {};\n", *parts])


def classic(text: str, name: str, exported: str) -> str:
    """An ES module without imports as a plain script: `name` is its `exported`, or its default."""
    text = re.sub(r"^export default ", "const exportedByDefault = ", text, flags=re.MULTILINE)
    text = re.sub(r"^export ", "", text, flags=re.MULTILINE)
    return f"const {name} = (() => {{\n{text}\nreturn {exported};\n}})();\n"
