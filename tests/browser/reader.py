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

# In the page: the image of a figure that was marked, and a stamp at every change of it, once it is decoded.
WATCH = """element => {
  const image = element.querySelector("img");
  const seen = { frames: [], pressed: null };
  const changed = () => image.decode().catch(() => {}).then(() => requestAnimationFrame(
      () => seen.frames.push(performance.now())));
  seen.observer = new MutationObserver(changed);
  seen.observer.observe(image, { attributes: true, attributeFilter: ["src"] });
  const press = event => { if (seen.pressed === null) seen.pressed = event.timeStamp; };
  for (const kind of ["pointerdown", "keydown"]) window.addEventListener(kind, press, true);
  seen.stop = () => {
    seen.observer.disconnect();
    for (const kind of ["pointerdown", "keydown"]) window.removeEventListener(kind, press, true);
  };
  element.labkitSeen = seen;
}"""
BYTES = """async element => {
  const image = element.querySelector("img");
  for (let tries = 0; tries < 20; tries++) {
    try {
      const blob = await (await fetch(image.src)).blob();
      const url = await new Promise(done => {
        const reader = new FileReader();
        reader.onload = () => done(reader.result);
        reader.readAsDataURL(blob);
      });
      return url.slice(url.indexOf(",") + 1);
    } catch (gone) { await new Promise(done => setTimeout(done, 10)); }  // replaced while we asked
  }
  throw new Error("the image of the figure cannot be read");
}"""
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
  const texts = "button, label, .widget-label, .widget-readout, select, [aria-live]";
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


FIGURE = ".jp-OutputArea-output .widget-box:has(> img)"


class Figure:
    """One live figure on the page: an image and its controls."""

    def __init__(self, notebook: Notebook, box: Locator) -> None:
        self.notebook, self.page, self.box = notebook, notebook.page, box

    def button(self, label: str) -> Locator:
        """The buttons with this label, icons aside."""
        return self.box.get_by_role("button", name=re.compile(rf"^\W*{re.escape(label)}\W*$"))

    def press(self, label: str) -> None:
        """Press a button by its label, with the mouse."""
        self.button(label).first.click()

    def image(self) -> bytes:
        """The image that is shown, as the browser holds it."""
        return base64.b64decode(self.box.evaluate(BYTES))

    def wait_for_change(self, before: bytes, within: float = MOVES_WITHIN) -> bytes:
        """Until the image is another than `before`; returns it."""
        self.notebook._until(lambda: self.image() != before, within, "the figure to change")
        return self.image()

    def wait_for_rest(self, quiet: float = 0.5, within: float = MOVES_WITHIN) -> bytes:
        """Until the image has been the same for `quiet` seconds; returns it."""
        deadline, last, since = time.monotonic() + within, self.image(), time.monotonic()
        while time.monotonic() - since < quiet:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.notebook.name}: the figure still moves after {within:g} s")
            self.page.wait_for_timeout(50)
            now = self.image()
            if now != last:
                last, since = now, time.monotonic()
        return last

    def has(self, label: str) -> bool:
        """Whether there is a button with this label."""
        return self.button(label).count() > 0

    def words(self) -> str:
        """The sentence under the image: what a screen reader is told."""
        return self.box.locator("[aria-live]").first.text_content() or ""

    def trouble(self) -> str:
        """What the control that failed has to say."""
        return " ".join(self.box.locator("[role=alert]").all_text_contents())

    def type(self, peer: str, text: str) -> None:
        """Type into a peer's box and press Enter until the box is empty: then it is on its way."""
        box = self.row(peer).locator("input[type=text]")
        box.fill(text)
        self.page.wait_for_timeout(100)
        for _ in range(3):
            box.press("Enter")
            with contextlib.suppress(TimeoutError):
                self.wait_until(lambda: box.input_value() == "", "the box to be empty", 2.0)
                return
        raise TimeoutError(f"{self.notebook.name}: what {peer} should send stays in the box")

    def row(self, peer: str) -> Locator:
        """The controls of a peer."""
        return self.box.locator(".widget-hbox", has=self.page.get_by_text(peer, exact=True)).first

    def scrub(self, to: float) -> None:
        """Press the slider's track at a fraction of its length."""
        track = self.box.locator(".noUi-target").first
        track.scroll_into_view_if_needed()
        resting = "e => !e.classList.contains('noUi-state-tap')"  # it takes no press while it glides
        self.notebook._until(lambda: bool(track.evaluate(resting)), 2.0, "the slider to have glided")
        where = track.bounding_box()
        assert where is not None
        self.page.mouse.click(where["x"] + 1 + (where["width"] - 2) * to, where["y"] + where["height"] / 2)

    def iteration(self) -> int:
        """The number beside the slider."""
        return int((self.box.locator(".widget-readout").first.text_content() or "").replace(",", ""))

    def iteration_words(self) -> str:
        """The sentence under the image up to the times, which differ from run to run."""
        return self.words().split(", slept")[0]

    def focused(self, label: str) -> bool:
        """Whether the keyboard's focus is on this button, or on the "slider", or on a box for "text"."""
        kinds = {"slider": ".noUi-handle:focus", "text": "input[type=text]:focus"}
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
        """Begin to note when the image changes, in the page's own clock."""
        self.box.evaluate(WATCH)

    def frames(self) -> list[float]:
        """When the image changed since `watch`, in ms of the page's clock."""
        stamps: list[float] = self.box.evaluate("element => element.labkitSeen.frames")
        return stamps

    def unwatch(self) -> list[float]:
        frames = self.frames()
        self.box.evaluate("element => element.labkitSeen.stop()")
        return frames

    def press_to_paint(self, act: Callable[[], object], within: float = MOVES_WITHIN) -> float:
        """Milliseconds from the press or key of `act` to the next image on the screen."""
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
        """When the image changed within the next `seconds`."""
        self.watch()
        self.page.wait_for_timeout(seconds * 1e3)
        return self.unwatch()
