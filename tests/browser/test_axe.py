"""What a notebook shows, as axe sees it: figures, charts, questions, a verdict, a sweep, the wall."""

from __future__ import annotations

import nbformat
from axe_playwright_python.sync_playwright import Axe
from nbformat.v4 import new_code_cell, new_notebook

from .conftest import Open
from .server import JupyterLab

NAME = "everything.ipynb"
CELLS = (
    "from labkit import Channel, Lab, LiveFigure, check, predict\n"
    "from labkit.charts.charts import bars, steps\n"
    "class Echo(Channel):\n"
    "    def handle_read(self): self.write(self.recv(1024))\n"
    "lab = Lab(Echo, buffers=4096)\n"
    "lab.connect('alice').send(b'hello'); _ = lab.step(3)",
    "LiveFigure(lab, 'fd sets', 'calls', 'buffers', 'time', 'source', 'call map')",
    "LiveFigure(lab, 'time', printer='matplotlib')",
    "bars({'one': 1, 'two': 2}, 'A chart', unit='bytes')",
    "steps({'one': [1, 2, 1]}, 'Another')",
    "guess = predict('axe', 'How many?', choices=['one', 'two'])\nguess",
    "number = predict('axe-number', 'How many bytes?', number='bytes')\nnumber",
    "class Mine:\n    pass\ncheck('pipelined', Mine)",
    "from labkit.figure.live_sweep import LiveSweep\n"
    "LiveSweep(lambda size: {'one': size}, [1, 2], unit='calls', within=5)",
    "from labkit.classroom.wall import Classroom\nroom = Classroom(lab)\nroom",
)


def test_axe_finds_nothing_serious_in_what_a_notebook_shows(lab: JupyterLab, open_notebook: Open):
    written = new_notebook(cells=[new_code_cell(each) for each in CELLS])
    written.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(written, lab.folder / NAME)
    try:
        notebook = open_notebook(NAME).run_all()
        assert notebook.errors() == []
        notebook.figures()
        for theme in ("JupyterLab Light", "JupyterLab Dark"):
            notebook.theme(theme)
            found = Axe().run(notebook.page, context={"include": [[".jp-OutputArea-output"]]})
            assert not [
                (each["id"], each["impact"], each["nodes"][0]["html"])
                for each in found.response["violations"]
                if each["impact"] in ("serious", "critical")
            ]
        notebook.theme("JupyterLab Light")
    finally:
        (lab.folder / NAME).unlink()
