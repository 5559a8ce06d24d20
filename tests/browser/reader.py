"""A reader's hands and eyes on one notebook in JupyterLab: run all, press, type, look, and time what moves.

    notebook = Notebook(page, lab, "00-start-here.ipynb")
    notebook.run_all()
    figure = notebook.figures()[0]
    before = figure.image()
    figure.press("Step")
    figure.wait_for_change(before)

Every wait has a deadline and says what it waited for. It knows JupyterLab's page, and nothing of pytest.
"""

from __future__ import annotations

import base64
import contextlib
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Playwright

from .server import JupyterLab

OPENS_WITHIN = 60.0  # seconds, the first page of a session on a slow machine
RUNS_WITHIN = 90.0
MOVES_WITHIN = 10.0
FLAGS = [
    "--disable-gpu", "--disable-background-networking", "--disable-quic", "--no-first-run",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
# What JupyterLab itself says on an empty page; everything else on the console fails a test.
NOT_OURS = re.compile(r"favicon|/lsp/|translations|Failed to load resource.*(nbgrader|formgrader)")

# In the page: a stamp at every drawing that is painted, or at every picture that an image has shown.
WATCH = """element => {
  const seen = { frames: [], pressed: null };
  const image = element.querySelector("img");
  const stamp = () => seen.frames.push(performance.now());
  const shown = () => image.decode().catch(() => {}).then(() => requestAnimationFrame(stamp));
  seen.observer = new MutationObserver(image ? shown : stamp);
  const attributeFilter = [image ? "src" : "data-painted"];
  seen.observer.observe(image ?? element, { attributes: true, attributeFilter });
  const press = event => { if (seen.pressed === null) seen.pressed = event.timeStamp; };
  for (const kind of ["pointerdown", "keydown"]) window.addEventListener(kind, press, true);
  seen.stop = () => {
    seen.observer.disconnect();
    for (const kind of ["pointerdown", "keydown"]) window.removeEventListener(kind, press, true);
  };
  element.labkitSeen = seen;
}"""
# In the page: every mark of the drawing that is shown, and whether it is painted and nothing glides.
MARKS = (
    "element => [...element.figure.layers].flatMap(({ piece, x, y }) =>"
    " piece.marks.map(mark => ({ ...mark, x: mark.x + x, y: mark.y + y })))"
)
RESTS = (
    "element => !element.figure.waiting && !element.figure.glides.length"
    " && element.figure.painted === element.figure.drawing?.n"
)
PIXELS = "element => element.querySelector('canvas').toDataURL().split(',')[1]"
# In the page: how far the notebook is.
PROGRESS = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  const cells = panel.content.widgets.filter(cell => cell.model.type === "code" &&
      cell.model.sharedModel.getSource().trim());
  const errors = [];
  for (const [index, cell] of panel.content.widgets.entries()) {
    if (cell.model.type !== "code") continue;
    for (let i = 0; i < cell.model.outputs.length; i++) {
      const output = cell.model.outputs.get(i).toJSON();
      if (output.output_type === "error")
        errors.push(`cell ${index}: ${output.ename}: ${output.evalue}`);
      if (output.output_type === "stream" && output.name === "stderr")
        errors.push(`cell ${index}, stderr: ${[].concat(output.text).join("")}`);
    }
  }
  const kernel = panel.sessionContext.session && panel.sessionContext.session.kernel;
  return {
    kernel: kernel ? kernel.status : "none",
    cells: cells.length,
    executed: cells.filter(cell => cell.model.executionCount !== null).length,
    waiting: cells.filter(cell => cell.model.executionState === "running").length,
    errors,
  };
}"""
ASK = """async expression => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute({ code: "", silent: true, store_history: false,
      user_expressions: { answer: expression } });
  const reply = await future.done;
  const answer = reply.content.user_expressions.answer;
  if (answer.status !== "ok") throw new Error(`${answer.ename}: ${answer.evalue}`);
  return answer.data["text/plain"];
}"""

# In the page: texts of the controls with their contrast; what is disabled may be pale (WCAG 1.4.3).
CONTRASTS = """element => {
  const parse = colour => (colour.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const light = ([r, g, b]) => {
    const [R, G, B] = [r, g, b].map(c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * R + 0.7152 * G + 0.0722 * B;
  };
  const behind = node => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour.length < 4 || colour[3] > 0.99) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const texts = "button, label, span, select, .lk-said, .lk-state";
  for (const node of element.querySelectorAll(texts)) {
    const text = node.textContent.trim();
    if (!text || node.disabled) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(behind(node))];
    found.push([text.slice(0, 40), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]);
  }
  return found;
}"""


def start_chromium(playwright: Playwright, path: Path) -> Browser:
    """A headless Chromium; without its sandbox where it runs as root, as in a container."""
    import os

    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS
    return playwright.chromium.launch(executable_path=path, args=flags, timeout=OPENS_WITHIN * 1e3)


class Notebook:
    """A notebook that is open on `page`. `complaints` collects what the page and its console complain of."""

    def __init__(self, page: Page, lab: JupyterLab, name: str) -> None:
        self.page, self.lab, self.name = page, lab, name
        self.complaints: list[str] = []
        page.set_default_timeout(MOVES_WITHIN * 1e3)
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        page.goto(lab.url(name), timeout=OPENS_WITHIN * 1e3)
        page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=OPENS_WITHIN * 1e3)
        self._until(lambda: self._is_current(), OPENS_WITHIN, "the notebook to be in front")
        self._until(lambda: self.progress()["kernel"] == "idle", OPENS_WITHIN, "its kernel to be idle")

    def _is_current(self) -> bool:
        asked = "name => (window.jupyterapp?.shell.currentWidget?.context?.path ?? '').endsWith(name)"
        return bool(self.page.evaluate(asked, self.name))

    # ---- what a reader does --------------------------------------------------------------------------

    def run_all(self, within: float = RUNS_WITHIN) -> Self:
        """Run > Run All Cells, from the menu; waits until every cell has run. Errors are not raised."""
        self.page.click('.lm-MenuBar-item:has-text("Run")')
        self.page.click('.lm-Menu-item:has(.lm-Menu-itemLabel:text-is("Run All Cells"))')
        return self.wait_until_run(within)

    def run_cell(self, containing: str, within: float = RUNS_WITHIN) -> Self:
        """Click into the first code cell that contains the text, and press Ctrl+Enter."""
        cell = self.page.locator(".jp-CodeCell", has_text=containing).first
        cell.scroll_into_view_if_needed()
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        time.sleep(0.2)
        return self.wait_until_run(within, all_cells=False)

    def focus_cell(self, containing: str) -> Self:
        """Select the first code cell that contains the text, in command mode, where Tab leaves the cell."""
        self.page.locator(".jp-CodeCell", has_text=containing).first.locator(".cm-content").click()
        self.page.keyboard.press("Escape")
        return self

    def save(self) -> Self:
        """Press Ctrl+S, and wait until the notebook is stored."""
        self.page.keyboard.press("Control+s")
        clean = "() => !window.jupyterapp.shell.currentWidget.context.model.dirty"
        self._until(lambda: bool(self.page.evaluate(clean)), MOVES_WITHIN, "the notebook to be saved")
        return self

    def wait_until_run(self, within: float = RUNS_WITHIN, all_cells: bool = True) -> Self:
        """Until the kernel is idle and every code cell has run, or one failed."""

        def done() -> bool:
            now = self.progress()
            settled = now["kernel"] == "idle" and not now["waiting"]
            return settled and (not all_cells or now["executed"] == now["cells"] or bool(now["errors"]))

        self._until(done, within, "all cells to have run", lambda: str(self.progress()))
        return self

    def theme(self, name: str) -> Self:
        """Switch JupyterLab to "JupyterLab Dark" or "JupyterLab Light"."""
        self.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", name
        )
        wanted = f"document.body.dataset.jpThemeName === '{name}'"
        self.page.wait_for_function(wanted, timeout=MOVES_WITHIN * 1e3)
        return self

    # ---- what a reader sees --------------------------------------------------------------------------

    def progress(self) -> dict[str, Any]:
        """The kernel's status, how many code cells there are, have run, and wait; and all error outputs."""
        answer: dict[str, Any] = self.page.evaluate(PROGRESS)
        return answer

    def errors(self) -> list[str]:
        """Error and stderr outputs, widgets that were not displayed, and what the console complained of."""
        broken = self.page.locator(".jp-OutputArea :text('Error displaying widget')").count()
        return [
            *self.progress()["errors"],
            *(["a widget is not displayed"] * broken),
            *self.complaints,
        ]

    def dialogs(self) -> list[str]:
        """The headings of dialogs that are open."""
        return self.page.locator(".jp-Dialog-header").all_inner_texts()

    def figures(self, within: float = MOVES_WITHIN, at_least: int = 1) -> list[Figure]:
        """The live figures of the page, from top to bottom; waits for `at_least` so many."""
        found = self.page.locator(FIGURE)
        self._until(lambda: found.count() >= at_least, within, f"{at_least} live figures")
        return [Figure(self, found.nth(i)) for i in range(found.count())]

    def ask(self, expression: str) -> str:
        """The repr of an expression in the notebook's kernel."""
        return str(self.page.evaluate(ASK, expression))

    def screenshot(self, path: Path, whole: bool = False) -> Path:
        """A picture of the window, or with `whole` of the notebook from its top to its end."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if not whole:
            self.page.screenshot(path=path)
            return path
        size = self.page.viewport_size or {"width": 1280, "height": 800}
        scroller = self.page.locator(".jp-NotebookPanel:visible .jp-WindowedPanel-outer")
        for _ in range(3):  # cells that come into view have other heights than JupyterLab guessed
            scroller.evaluate("each => { each.scrollTop = 0 }")
            ends = "e => [...e.querySelectorAll('.jp-Cell')].at(-1).getBoundingClientRect().bottom"
            height = int(scroller.evaluate(ends))
            self.page.set_viewport_size({"width": size["width"], "height": min(height + 60, 15_000)})
            self.page.wait_for_timeout(400)
        self.page.locator(".jp-NotebookPanel:visible").screenshot(path=path)
        self.page.set_viewport_size(size)
        return path

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.page.close()
        self.lab.shut_down_kernels()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self, message: ConsoleMessage) -> None:
        where = message.location.get("url", "")
        if message.type == "error" and not NOT_OURS.search(message.text + " " + where):
            self.complaints.append(f"console: {message.text} ({where})")

    def _until(
        self, true: Callable[[], bool], within: float, what: str, state: Callable[[], str] = str
    ) -> None:
        deadline = time.monotonic() + within
        while not true():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name}: waited {within:g} s for {what}. {state()}".strip())
            self.page.wait_for_timeout(100)


FIGURE = ".labkit"
PICTURE = ".jp-OutputArea-output .widget-vbox:has(> img)"


class Figure:
    """One live figure on the page: a drawing and its controls."""

    def __init__(self, notebook: Notebook, box: Locator) -> None:
        self.notebook, self.page, self.box = notebook, notebook.page, box

    # ---- the drawing ---------------------------------------------------------------------------------

    def marks(self, **wanted: Any) -> list[dict[str, Any]]:
        """The marks that the browser holds and has painted, those with these fields."""
        self.wait_until(lambda: bool(self.box.evaluate(RESTS)), "the figure to be painted")
        found: list[dict[str, Any]] = self.box.evaluate(MARKS)
        return [mark for mark in found if all(mark[name] == value for name, value in wanted.items())]

    def image(self) -> bytes:
        """The pixels of the canvas, as PNG."""
        return base64.b64decode(self.box.evaluate(PIXELS))

    def pixel(self, mark: dict[str, Any]) -> tuple[int, ...]:
        """The colour that is painted in the middle of a mark."""
        rgba: list[int] = self.box.evaluate(
            """(element, [x, y]) => {
              const { canvas, painter } = element.figure;
              const pen = canvas.getContext("2d"), s = painter.scale;
              return [...pen.getImageData(Math.round(x * s), Math.round(y * s), 1, 1).data];
            }""",
            [mark["x"] + mark["w"] / 2, mark["y"] + mark["h"] / 2],
        )
        return tuple(rgba)

    def place(self, mark: dict[str, Any]) -> tuple[float, float]:
        """Where the middle of a mark is in the window."""
        self.box.locator("canvas").scroll_into_view_if_needed()
        where = self.box.locator("canvas").bounding_box()
        assert where is not None
        fit = float(self.box.evaluate("element => element.figure.fitting"))
        return where["x"] + (mark["x"] + mark["w"] / 2) * fit, where["y"] + (mark["y"] + mark["h"] / 2) * fit

    def point_at(self, mark: dict[str, Any]) -> str:
        """Hold the mouse over a mark until it is said why it is so."""
        self.page.mouse.move(*self.place(mark))
        self.wait_until(self.box.locator(".lk-tip").is_visible, "a tip beside the mark")
        self.page.wait_for_timeout(300)
        return self.box.locator(".lk-tip").text_content() or ""

    def iteration(self) -> int:
        """The iteration that is painted."""
        self.wait_until(lambda: bool(self.box.evaluate(RESTS)), "the figure to be painted")
        return int(self.box.evaluate("element => element.figure.drawing.i"))

    def wait_for_change(self, before: bytes, within: float = MOVES_WITHIN) -> bytes:
        """Until the pixels are others than `before`; returns them."""
        self.notebook._until(lambda: self.image() != before, within, "the figure to change")
        return self.wait_for_rest()

    def wait_for_rest(self, quiet: float = 0.5, within: float = MOVES_WITHIN) -> bytes:
        """Until the pixels have been the same for `quiet` seconds; returns them."""
        deadline, last, since = time.monotonic() + within, self.image(), time.monotonic()
        while time.monotonic() - since < quiet:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.notebook.name}: the figure still moves after {within:g} s")
            self.page.wait_for_timeout(50)
            now = self.image()
            if now != last:
                last, since = now, time.monotonic()
        return last

    # ---- the controls --------------------------------------------------------------------------------

    def button(self, label: str) -> Locator:
        """The buttons with this label, icons aside."""
        return self.box.get_by_role("button", name=re.compile(rf"^\W*{re.escape(label)}\W*(:.*)?$"))

    @property
    def covered(self) -> bool:
        """Whether it hides what an open question asks."""
        return self.box.locator(".lk-cover").is_visible()

    def uncover(self) -> None:
        """Press *Show me*, where it hides what an open question asks; one question after the other."""
        while self.covered:
            asked = self.box.evaluate("element => element.figure.state.asks")
            self.button("Show me").click()
            now = "element => element.figure.state.asks"
            self.wait_until(
                lambda asked=asked, now=now: self.box.evaluate(now) != asked, "the figure to be uncovered"
            )

    def press(self, label: str) -> None:
        """Press a button by its label, with the mouse; in a compact figure also what is behind *More*."""
        self.unfold()
        self.button(label).first.click()

    def unfold(self) -> None:
        """Show all controls of a compact figure."""
        more = self.box.locator(".lk-all[aria-expanded=false]")
        if more.count() and more.first.is_visible():
            more.first.click()

    def has(self, label: str) -> bool:
        """Whether there is a button with this label."""
        return self.button(label).count() > 0

    def words(self) -> str:
        """The sentence under the drawing: what a screen reader is told."""
        return self.box.locator(".lk-said").first.text_content() or ""

    def status(self) -> str:
        """The line above the drawing: what the loop does at this moment, or what went wrong."""
        return self.box.locator(".lk-state").first.text_content() or ""

    def trouble(self) -> str:
        """What the control that failed has to say."""
        return " ".join(self.box.locator("[role=alert]").all_text_contents())

    def type(self, peer: str, text: str) -> None:
        """Type into a peer's box and press Enter."""
        box = self.row(peer).locator("input")
        box.fill(text)
        box.press("Enter")
        self.wait_until(lambda: box.input_value() == "", "the box to be empty")

    def row(self, peer: str) -> Locator:
        """The controls of a peer."""
        return self.box.get_by_role("group", name=peer, exact=True)

    def choose(self, label: str, option: str) -> None:
        """Choose from a list, by its label."""
        self.unfold()
        self.box.get_by_label(label).select_option(option)

    def scrub(self, to: float) -> None:
        """Press the slider's track at a fraction of its length."""
        track = self.box.get_by_role("slider")
        track.scroll_into_view_if_needed()
        where = track.bounding_box()
        assert where is not None
        self.page.mouse.click(where["x"] + 8 + (where["width"] - 16) * to, where["y"] + where["height"] / 2)

    def iteration_words(self) -> str:
        """The sentence under the drawing up to the times, which differ from run to run."""
        return self.words().split(", slept")[0]

    def focused(self, label: str) -> bool:
        """Whether the focus is on this button, the "slider", the "figure", or a peer's box for "text"."""
        kinds = {"slider": "[type=range]:focus", "text": ".lk-typed:focus", "figure": ".lk-sheet:focus"}
        if label in kinds:
            return self.box.locator(kinds[label]).count() > 0
        return self.box.locator("button:focus", has_text=re.compile(rf"^\W*{re.escape(label)}$")).count() > 0

    def contrasts(self) -> list[tuple[str, float]]:
        """Each text of the controls with its contrast to what is behind it (WCAG 2, 1 to 21)."""
        found: list[tuple[str, float]] = self.box.evaluate(CONTRASTS)
        return found

    def wait_until(self, true: Callable[[], bool], what: str, within: float = MOVES_WITHIN) -> None:
        """Until `true()`; TimeoutError says `what` was waited for, and what the figure says."""
        self.notebook._until(true, within, what, lambda: f"{self.words()} {self.trouble()}")

    # ---- frames in time ------------------------------------------------------------------------------

    def watch(self) -> None:
        """Begin to note when a drawing has been painted, in the page's own clock."""
        self.box.evaluate(WATCH)

    def frames(self) -> list[float]:
        """When a drawing was painted since `watch`, in ms of the page's clock."""
        stamps: list[float] = self.box.evaluate("element => element.labkitSeen.frames")
        return stamps

    def unwatch(self) -> list[float]:
        frames = self.frames()
        self.box.evaluate("element => element.labkitSeen.stop()")
        return frames

    def press_to_paint(self, act: Callable[[], object], within: float = MOVES_WITHIN) -> float:
        """Milliseconds from the press or key of `act` to the next drawing on the screen."""
        later = "element => element.labkitSeen.frames.map(at => at - element.labkitSeen.pressed)"
        self.watch()
        try:
            act()
            self.wait_until(lambda: bool(self.frames()), "the figure to change after a press", within)
            waited: list[float] = self.box.evaluate(later)
        finally:
            self.unwatch()
        return waited[0]

    def frames_in(self, seconds: float) -> list[float]:
        """When a drawing was painted within the next `seconds`."""
        self.watch()
        self.page.wait_for_timeout(seconds * 1e3)
        return self.unwatch()
