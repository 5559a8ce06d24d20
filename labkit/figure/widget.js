// The figure in a browser: it paints drawings, says what each mark is, and tells what the reader wants.
//
// Three pages use it: a notebook (`export default`, by anywidget), the exported player (`play`), and tests. A
// drawing comes as marks, by layers (labkit/figure/drawing.py); how a mark looks comes as a table (theme.py). It
// knows no tape and no panel, asks no network, and puts text into the page as text, never as HTML.

const GLIDE = 250; // ms in which bytes glide to where they are now
const GLIDE_EVERY = 125; // ms at least between two glides
const SMALLEST = 640, LARGEST = 2560; // CSS pixels that a figure is laid out for
const SOLID = 6; // pixels: a box less high has no outline
const PROJECTOR = 1.5;
const SAID_EVERY = 300; // ms of rest before a screen reader is told
const FAMILIES = {
  plain: '"DejaVu Sans", Verdana, system-ui, sans-serif',
  mono: '"DejaVu Sans Mono", Menlo, Consolas, monospace',
};
const SILENT = new Set(["title", "swatch", "legend", "rule", "band", "flow", "border", "edge"]); // kinds that nobody asks about

const CSS = `
.labkit { --ground: var(--jp-layout-color0, Canvas); --ink: var(--jp-ui-font-color0, CanvasText);
  --line: var(--jp-border-color0, color-mix(in srgb, CanvasText 45%, Canvas)); --button: var(--jp-layout-color1, ButtonFace);
  --focus: var(--jp-brand-color0, Highlight); --bad: light-dark(#b3261e, #ff8a80);
  font: 13px/1.35 var(--jp-ui-font-family, system-ui, sans-serif); color: var(--ink); background: var(--ground);
  position: relative; box-sizing: border-box; width: 100%; padding: 4px; container-type: inline-size }
.labkit.dark { color-scheme: dark } .labkit.light { color-scheme: light }
.labkit.large { font-size: 19.5px } .labkit:fullscreen { overflow: auto; padding: 12px }
.labkit .lk-row { display: flex; flex-wrap: wrap; gap: .3em .45em; align-items: center; min-height: 2.1em; margin: 0 0 .25em }
.labkit button, .labkit select, .labkit input { font: inherit; color: inherit; background: var(--button);
  border: 1px solid var(--line); border-radius: 3px; padding: .15em .6em; margin: 0; height: 1.9em; box-sizing: border-box }
.labkit button:hover:enabled { border-color: currentColor } .labkit button:disabled { opacity: .45 }
.labkit button[aria-pressed=true] { background: var(--ink); color: var(--ground) }
.labkit :focus-visible { outline: 2px solid var(--focus); outline-offset: 1px }
.labkit input[type=range] { flex: 1 1 10em; min-width: 8em; padding: 0; border: 0; accent-color: var(--focus); background: none }
.labkit label { display: inline-flex; gap: .35em; align-items: center; white-space: nowrap }
.labkit .lk-run { min-width: 5em } .labkit .lk-place { min-width: 9em; font-variant-numeric: tabular-nums }
.labkit .lk-state { height: 1.45em; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; margin: 0 0 .2em;
  font-variant-numeric: tabular-nums } .labkit .lk-state.bad { color: var(--bad); font-weight: bold }
.labkit .lk-find { width: 11em } .labkit .lk-peers { max-height: 9.6em; overflow-y: auto; margin: 0 }
.labkit .lk-name { width: 7em; overflow: hidden; text-overflow: ellipsis; white-space: nowrap } .labkit .lk-typed { width: 11em }
.labkit .lk-took { flex: 1 1 8em; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.labkit .lk-sheet { position: relative; border-radius: 2px } .labkit canvas { display: block; width: 100% }
.labkit .lk-tip { position: absolute; z-index: 5; max-width: 30em; padding: .3em .6em; pointer-events: none;
  background: var(--ink); color: var(--ground); border-radius: 3px; white-space: pre-wrap; overflow-wrap: anywhere }
.labkit .lk-said { margin: .3em 0 0; min-height: 4em; white-space: pre-wrap; overflow-wrap: anywhere }
.labkit .lk-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
.labkit.compact .lk-more, .labkit.compact .lk-said { display: none }
.labkit [hidden] { display: none !important }`;

/** An element with properties or attributes, and children; a string becomes text, never HTML. */
function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** Marks as they come over the wire, by name. */
const named = ([kind, state, x, y, w, h, text = null, fd = null, iteration = null, event = null, value = null]) =>
  ({ kind, state, x, y, w, h, text, fd, iteration, event, value });

const paths = () => ({ fill: new Path2D(), line: new Path2D(), cross: new Path2D(), solid: new Path2D() });

// ---- painting ---------------------------------------------------------------------------------------------

/** Paints layers of marks on a canvas, on whole device pixels, by the table of looks and the page's own ground. */
class Painter {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.table = null;
    this.colours = {};
    this.scale = 0; // device pixels of one pixel of a drawing
  }

  /** The role of a mark, as theme.role() finds it. */
  role({ kind, state, event }) {
    const { roles, events } = this.table;
    if (kind === "swatch") return roles[state] ?? {};
    return roles[`${kind} ${state} ${events[event] ?? ""}`] ?? roles[`${kind} ${state}`] ?? roles[kind] ?? {};
  }

  resize(width, height, scale) {
    const wide = Math.round(width * scale), tall = Math.round(height * scale);
    this.scale = scale;
    if (this.canvas.width !== wide || this.canvas.height !== tall) {
      this.canvas.width = wide;
      this.canvas.height = tall;
    }
  }

  paint(layers) {
    const { pen, scale } = this;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.fillStyle = this.colours.ground;
    pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
    for (const { piece, x, y } of layers) {
      if (piece.scale !== scale) this.#prepare(piece);
      pen.setTransform(1, 0, 0, 1, Math.round(x * scale), Math.round(y * scale));
      for (const each of piece.shapes) this.#shape(each);
      for (const each of piece.texts) this.write(each);
    }
    pen.setTransform(1, 0, 0, 1, 0, 0);
  }

  /** Make a layer's paths, once for every scale: all of one role are filled and outlined together. */
  #prepare(piece) {
    const shapes = new Map();
    piece.texts = [];
    for (const mark of piece.marks) {
      const role = this.role(mark);
      if (role.fill || role.stroke) {
        let shape = shapes.get(role);
        if (!shape) shapes.set(role, (shape = { role, ...paths() }));
        this.#trace(shape, mark);
      }
      if (role.ink && mark.text) piece.texts.push({ mark, role });
    }
    piece.shapes = [...shapes.values()];
    piece.scale = this.scale;
  }

  #trace(shape, { x, y, w, h }) {
    const s = this.scale, { role } = shape, line = this.#thick(role.width);
    const left = Math.round(x * s), top = Math.round(y * s);
    if (role.shape === "line") {
      const shift = (line % 2) / 2;
      shape.line.moveTo(left + shift, top + shift);
      shape.line.lineTo(Math.round((x + w) * s) + shift, Math.round((y + h) * s) + shift);
      return;
    }
    const wide = Math.max(1, Math.round((x + w) * s) - left), tall = Math.max(1, Math.round((y + h) * s) - top);
    if (h < SOLID) { // too low for an outline or a cross: the cross is ink all over
      (role.cross ? shape.solid : shape.fill).rect(left, top, wide, tall);
      return;
    }
    shape.fill.rect(left, top, wide, tall);
    if (role.stroke && role.width && wide > 2 * line && tall > 2 * line)
      shape.line.rect(left + line / 2, top + line / 2, wide - line, tall - line);
    if (role.cross) {
      const arm = Math.min(wide, tall) * 0.3, [cx, cy] = [left + wide / 2, top + tall / 2];
      for (const way of [-1, 1]) {
        shape.cross.moveTo(cx - arm, cy - way * arm);
        shape.cross.lineTo(cx + arm, cy + way * arm);
      }
    }
  }

  #thick = width => Math.max(1, Math.round(width * this.scale));

  #shape({ role, fill, line, cross, solid }) {
    const { pen, colours } = this;
    if (role.fill && role.shape !== "line") {
      pen.fillStyle = colours[role.fill];
      pen.fill(fill);
    }
    if (role.hatch) {
      pen.fillStyle = this.#stripes(colours[role.stroke || "muted"]);
      pen.fill(fill);
    }
    if (role.stroke && role.width) {
      pen.strokeStyle = colours[role.stroke];
      pen.lineWidth = this.#thick(role.width);
      pen.stroke(line);
    }
    if (role.cross) {
      pen.strokeStyle = colours.ink;
      pen.lineWidth = this.#thick(1.6);
      pen.stroke(cross);
      pen.fillStyle = colours.ink;
      pen.fill(solid);
    }
  }

  #stripes(colour) {
    const side = Math.round(6 * this.scale), tile = make("canvas", { width: side, height: side });
    const pen = tile.getContext("2d");
    pen.strokeStyle = colour;
    pen.lineWidth = this.#thick(0.8);
    for (const at of [-side, 0, side]) {
      pen.moveTo(at, side);
      pen.lineTo(at + side, 0);
    }
    pen.stroke();
    return this.pen.createPattern(tile, "repeat");
  }

  /** Text in the middle of its box's height, never wider than the box. */
  write({ mark: { x, y, w, h, text }, role }) {
    const { pen, scale, table } = this;
    const size = (role.font === "title" ? table.sizes.title : table.sizes.text) * scale;
    const bold = /bold|title/.test(role.font) ? "bold " : "";
    pen.font = `${bold}${size}px ${/mono/.test(role.font) ? FAMILIES.mono : FAMILIES.plain}`;
    pen.fillStyle = this.colours[role.ink];
    pen.textAlign = role.align;
    const at = { left: x, center: x + w / 2, right: x + w }[role.align];
    pen.fillText(text, Math.round(at * scale), Math.round((y + h / 2) * scale + size * 0.36), Math.max(1, w * scale));
  }

  /** A mark alone, somewhere between two places: bytes that glide. */
  glide(mark, box) {
    const moved = { ...mark, ...box }, role = this.role(mark);
    const shape = { role, ...paths() };
    this.#trace(shape, moved);
    this.#shape(shape);
    if (role.ink && mark.text) this.write({ mark: moved, role });
  }

  /** The outline of the mark that is pointed at. */
  ring({ x, y, w, h }) {
    const s = this.scale, line = this.#thick(2);
    this.pen.strokeStyle = this.colours.ink;
    this.pen.lineWidth = line;
    this.pen.strokeRect(x * s - line, y * s - line, w * s + 2 * line, h * s + 2 * line);
  }
}

// ---- the figure -------------------------------------------------------------------------------------------

/** A figure in `root`: what comes in by receive() is painted; what the reader wants goes out by `send`. */
export class Figure {
  constructor(root, send) {
    this.root = root;
    this.send = send;
    this.pieces = new Map(); // layers that the sender knows we have
    this.keeps = false; // whether pieces are kept that no drawing shows
    this.drawing = null;
    this.layers = [];
    this.state = {};
    this.pointed = null; // the mark under the pointer, or that the keyboard has gone to
    this.byKeyboard = false;
    this.glides = [];
    this.lastGlide = 0;
    this.build();
    this.painter = new Painter(this.canvas);
    this.watch();
  }

  // ---- the page

  build() {
    const button = (text, title, message, more = {}) =>
      make("button", { type: "button", title, onclick: () => this.send(message), ...more }, text);
    const choice = (name, options, act) => {
      const select = make("select", { onchange: () => act(select.value) }, ...options.map(each => new Option(each)));
      return [select, make("label", {}, name, select)];
    };
    this.back = button("◀ Back", "One position back; nothing runs", { do: "back" });
    this.forward = button("Forward ▶", "One position forward; nothing runs", { do: "forward" });
    this.over = button("Over", "The next line that is not deeper in calls", { do: "over" });
    this.own = button("To my code", "The next line of your own", { do: "to my code" });
    this.step = button("Step", "Exactly one iteration of the loop", { do: "step" });
    this.run = make("button", { type: "button", className: "lk-run", onclick: () => this.send({ do: this.state.running ? "pause" : "run" }) }, "Run");
    this.scrubber = make("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "iteration",
      oninput: () => this.send({ do: "go", i: Number(this.scrubber.value) }) });
    this.place = make("span", { className: "lk-place" });
    this.reset = button("Start again", "The lab as it began", { do: "reset" });
    let speed, granularity;
    [this.speed, speed] = choice("speed", [], value => this.send({ do: "speed", value }));
    [this.granularity, granularity] = choice("Back and Forward by", [], value => this.send({ do: "granularity", value }));
    this.found = make("datalist", { id: `lk-${Math.random().toString(36).slice(2)}` });
    this.sought = make("input", { className: "lk-find", placeholder: "error, EAGAIN, …", "aria-label": "find",
      onkeydown: event => { if (event.key === "Enter") this.find(event.shiftKey ? -1 : 1); } });
    this.sought.setAttribute("list", this.found.id);
    const previous = make("button", { type: "button", title: "The one before", "aria-label": "find the previous", onclick: () => this.find(-1) }, "‹");
    const next = make("button", { type: "button", title: "The next one", "aria-label": "find the next", onclick: () => this.find(1) }, "›");
    this.larger = make("button", { type: "button", title: "Text and controls half as large again",
      onclick: () => this.send({ do: "theme", value: this.state.theme === "projector" ? "screen" : "projector" }) }, "Projector");
    this.full = make("button", { type: "button", title: "The whole screen; Escape leaves it", onclick: () => this.fullScreen() }, "Full screen");
    this.connect = button("Connect a peer", "A new TCP client of this lab", { do: "connect" });
    this.status = make("p", { className: "lk-state" });
    this.peers = make("div", { className: "lk-peers", role: "group", "aria-label": "peers" });
    this.canvas = make("canvas", { role: "img" });
    this.tip = make("div", { className: "lk-tip", hidden: true });
    this.sheet = make("div", { className: "lk-sheet", tabIndex: 0, role: "application", "aria-roledescription": "figure",
      "aria-label": "The figure. Left and right arrow move through iterations, up and down through the marks of one; Enter goes to a mark's iteration." },
    this.canvas, this.tip);
    this.alert = make("div", { className: "lk-hidden", role: "alert" });
    this.spoken = make("div", { className: "lk-hidden", "aria-live": "polite" });
    this.said = make("p", { className: "lk-said" });
    this.moves = make("div", { className: "lk-row" }, this.back, this.forward, this.over, this.own, this.step, this.run, this.scrubber, this.place);
    this.options = make("div", { className: "lk-row lk-more" }, speed, granularity,
      make("label", {}, "find", this.sought), previous, next, this.found, this.reset, this.larger, this.full, this.connect);
    this.root.classList.add("labkit");
    this.root.dataset.lmSuppressShortcuts = "true"; // JupyterLab's own keys are not for us
    this.root.replaceChildren(make("style", {}, CSS), this.moves, this.options, this.status, this.peers, this.sheet,
      this.said, this.spoken, this.alert);
  }

  watch() {
    const over = event => this.point(this.at(event), false);
    this.sheet.addEventListener("pointermove", over);
    this.sheet.addEventListener("pointerleave", () => this.byKeyboard || this.point(null));
    this.sheet.addEventListener("click", event => this.goTo(this.at(event) ?? this.column(event)));
    this.sheet.addEventListener("keydown", event => this.key(event));
    this.sheet.addEventListener("blur", () => this.point(null));
    this.root.addEventListener("pointerleave", () => this.send({ do: "left" }));
    this.root.addEventListener("focusout", event => this.root.contains(event.relatedTarget) || this.send({ do: "left" }));
    this.sizes = new ResizeObserver(() => this.fit());
    this.sizes.observe(this.root);
    this.themes = new MutationObserver(() => this.recolour());
    this.themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-name", "data-jp-theme-light", "class"] });
    this.queries = ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"].map(each => matchMedia(each));
    this.recoloured = () => this.recolour();
    for (const each of this.queries) each.addEventListener("change", this.recoloured);
    this.fullChanged = () => this.fit();
    this.root.addEventListener("fullscreenchange", this.fullChanged);
  }

  /** Leave nothing behind. */
  close() {
    this.sizes.disconnect();
    this.themes.disconnect();
    for (const each of this.queries) each.removeEventListener("change", this.recoloured);
    clearInterval(this.clock);
    clearTimeout(this.speaking);
    clearTimeout(this.asking);
    this.closed = true;
  }

  // ---- size and colours

  get large() { return this.state.theme === "projector" || document.fullscreenElement === this.root; }

  /** Tell how wide there is room, and paint what there is for it. */
  fit() {
    this.root.classList.toggle("large", this.large);
    const room = this.sheet.clientWidth / (this.large ? PROJECTOR : 1);
    if (!room) return;
    const wide = Math.min(LARGEST, Math.max(SMALLEST, 10 * Math.floor(room / 10)));
    if (wide !== this.wide) {
      this.wide = wide;
      clearTimeout(this.asking);
      this.asking = setTimeout(() => this.send({ do: "width", value: wide }), this.drawing ? 60 : 0);
    }
    this.later();
  }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.root.requestFullscreen?.();
  }

  /** Take the colours that go with the page: its own ground and ink, and the palette that stands out on them. */
  recolour() {
    if (!this.painter.table) return;
    const own = getComputedStyle(this.root), light = luminance(own.backgroundColor) > 0.4;
    const more = matchMedia("(prefers-contrast: more)").matches || /contrast/i.test(document.body.dataset.jpThemeName ?? "");
    const { colours } = this.painter.table;
    const ground = { ground: own.backgroundColor, ink: own.color };
    this.painter.colours = { ...colours[!light ? "dark" : more ? "contrast" : "light"], ...ground };
    this.root.classList.toggle("dark", !light);
    this.root.classList.toggle("light", light);
    this.later();
  }

  // ---- what comes in

  /** A message: a drawing, or what changed of the controls, or why a mark is as it is. */
  receive(message) {
    if (message.table) {
      this.painter.table = message.table;
      this.recolour();
    }
    if (message.state) this.show(message.state);
    if (message.layers) this.take(message);
    if (message.why !== undefined && this.pointed?.id === message.of) this.explain(message.why);
  }

  take(drawing) {
    for (const [key, marks] of Object.entries(drawing.marks)) this.pieces.set(key, { key, marks: marks.map(named) });
    this.layers = drawing.layers.map(([key, x, y]) => ({ piece: this.pieces.get(key), x, y }));
    if (!this.keeps) this.pieces = new Map(this.layers.map(({ piece }) => [piece.key, piece]));
    const before = this.places;
    this.drawing = drawing;
    this.places = this.bytes();
    if (drawing.glide) this.startGliding(before);
    this.canvas.setAttribute("aria-label", drawing.says);
    this.said.textContent = drawing.says;
    if (!this.state.running) this.speak(drawing.says);
    if (this.pointed) this.point(this.byKeyboard ? this.again(this.pointed) : null, this.byKeyboard);
    this.later();
  }

  speak(text) {
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => { this.spoken.textContent = text; }, SAID_EVERY);
  }

  later() {
    if (!this.drawing || this.waiting || this.closed) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = null;
      this.paint();
    });
  }

  paint() {
    if (this.closed) return;
    const { w, h, n } = this.drawing, room = this.sheet.clientWidth;
    if (!room || !this.painter.table) return;
    this.fitting = room / w;
    this.canvas.style.height = `${h * this.fitting}px`;
    this.painter.resize(w, h, this.fitting * devicePixelRatio);
    this.painter.paint(this.layers);
    if (this.glides.length) this.glide();
    if (this.pointed) this.painter.ring(this.pointed);
    if (n !== undefined && n !== this.painted) {
      this.painted = n;
      this.root.dataset.painted = n;
      this.send({ ack: n });
    }
  }

  // ---- bytes that glide

  /** Where the bytes of each connection stand, by fd and place. */
  bytes() {
    const found = new Map();
    for (const { piece, x, y } of this.layers)
      for (const mark of piece.marks)
        if (mark.kind === "bytes" && mark.value) {
          if (!found.has(mark.fd)) found.set(mark.fd, new Map());
          found.get(mark.fd).set(mark.state, { ...mark, x: mark.x + x, y: mark.y + y });
        }
    return found;
  }

  /** What a place has gained glides there from the places that have lost it. */
  startGliding(before) {
    const now = performance.now();
    if (!before || now - this.lastGlide < GLIDE_EVERY || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    this.glides = [];
    for (const [fd, places] of this.places) {
      const old = before.get(fd) ?? new Map();
      const more = (a, b) => [...a].filter(([state, mark]) => mark.value > (b.get(state)?.value ?? 0));
      const lost = more(old, places), gained = more(places, old);
      for (const [, to] of gained) {
        const from = lost.shift();
        if (from) this.glides.push({ mark: to, from: from[1], to, since: now });
      }
    }
    if (this.glides.length) this.lastGlide = now;
  }

  glide() {
    const now = performance.now();
    this.glides = this.glides.filter(({ since }) => now - since < GLIDE);
    for (const { mark, from, to, since } of this.glides) {
      const t = 1 - (1 - (now - since) / GLIDE) ** 3, between = name => from[name] + (to[name] - from[name]) * t;
      this.painter.glide(mark, { x: between("x"), y: between("y"), w: between("w"), h: between("h") });
    }
    if (this.glides.length) this.later();
  }

  // ---- marks: which one, and why

  /** Every mark that a reader may ask about, with its box in the drawing. */
  *marks() {
    for (const { piece, x, y } of this.layers)
      for (const [number, mark] of piece.marks.entries())
        if (!SILENT.has(mark.kind) && (mark.fd !== null || mark.value !== null || mark.iteration !== null || mark.text))
          yield { ...mark, x: mark.x + x, y: mark.y + y, id: `${piece.key}#${number}`, key: piece.key, number };
  }

  where(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / this.fitting, (event.clientY - box.top) / this.fitting];
  }

  /** The uppermost mark under the pointer; a small one before what it stands on. */
  at(event) {
    if (!this.drawing) return null;
    const [x, y] = this.where(event);
    let best = null;
    for (const mark of this.marks())
      if (x >= mark.x && x <= mark.x + mark.w && y >= mark.y && y <= mark.y + mark.h)
        if (!best || mark.w * mark.h <= best.w * best.h) best = mark;
    return best;
  }

  /** A mark of the iteration whose column the pointer is in. */
  column(event) {
    const [x, y] = this.where(event);
    const panel = this.drawing.panels.find(({ box: [a, b, w, h] }) => x >= a && x <= a + w && y >= b && y <= b + h);
    if (!panel) return null;
    const [, top, , high] = panel.box;
    for (const mark of this.marks())
      if (mark.iteration !== null && mark.y >= top && mark.y <= top + high && x >= mark.x && x <= mark.x + mark.w) return mark;
    return null;
  }

  /** The mark that stands where `mark` stood. */
  again(mark) {
    let best = null;
    for (const each of this.marks()) {
      if (each.kind !== mark.kind || each.fd !== mark.fd) continue;
      const far = Math.abs(each.x - mark.x) + Math.abs(each.y - mark.y);
      if (!best || far < best.far) best = { ...each, far };
    }
    return best;
  }

  point(mark, byKeyboard = false) {
    if (mark?.id === this.pointed?.id && this.tip.hidden === !mark) return;
    this.pointed = mark;
    this.byKeyboard = byKeyboard && !!mark;
    this.tip.hidden = !mark;
    if (mark) {
      this.explain(mark.text || `${mark.kind} ${mark.state}`);
      this.send({ do: "why", of: mark.id, key: mark.key, number: mark.number });
    }
    this.later();
  }

  /** Say beside the mark what it is and why. */
  explain(text) {
    const { x, y, w, h } = this.pointed, s = this.fitting;
    this.tip.textContent = text;
    const { width, height } = this.tip.getBoundingClientRect();
    const left = Math.max(0, Math.min(x * s, this.sheet.clientWidth - width));
    const above = y * s - height - 6;
    this.tip.style.left = `${left}px`;
    this.tip.style.top = `${above > -40 ? above : (y + h) * s + 6}px`;
    if (this.byKeyboard) this.speak(text);
  }

  goTo(mark) {
    if (mark && mark.iteration !== null && mark.iteration !== this.drawing.i) this.send({ do: "go", i: mark.iteration });
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const orders = { ArrowLeft: { do: "back" }, ArrowRight: { do: "forward" }, Home: { do: "go", i: this.state.first }, End: { do: "go", i: this.state.last } };
    if (event.key in orders) this.send(orders[event.key]);
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") this.walk(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Enter" && this.pointed) this.goTo(this.pointed);
    else if (event.key === "Escape" && this.pointed) this.point(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** To the next mark of this iteration, in reading order. */
  walk(way) {
    const here = [...this.marks()].filter(mark => mark.iteration === null || mark.iteration === this.drawing.i);
    const panel = mark => Number.parseInt(mark.key, 10) || 0;
    here.sort((a, b) => panel(a) - panel(b) || a.y - b.y || a.x - b.x);
    const at = here.findIndex(mark => mark.id === this.pointed?.id);
    const next = at < 0 ? (way > 0 ? 0 : here.length - 1) : (at + way + here.length) % here.length;
    if (here.length) this.point(here[next], true);
  }

  // ---- controls

  find(way) {
    this.send({ do: "find", what: this.sought.value || "error", way });
  }

  /** Show what changed of the state: {first, last, i, call, calls, running, …}. */
  show(changes) {
    const state = Object.assign(this.state, changes);
    if ("speeds" in changes) this.speed.replaceChildren(...state.speeds.map(each => new Option(each)));
    if ("granularities" in changes) this.granularity.replaceChildren(...state.granularities.map(each => new Option(each)));
    if ("finds" in changes) this.found.replaceChildren(...state.finds.map(each => new Option(each)));
    if ("peers" in changes) this.showPeers(state.peers);
    if ("theme" in changes) this.fit();
    this.speed.value = state.speed;
    this.granularity.value = state.granularity;
    this.root.classList.toggle("compact", !!state.compact);
    this.step.hidden = this.reset.hidden = state.replay;
    this.reset.hidden ||= !state.again;
    this.over.hidden = this.own.hidden = state.granularity !== "source line";
    this.connect.hidden = !state.connects;
    this.peers.hidden = !state.connects;
    this.back.disabled = !state.back;
    this.forward.disabled = !state.forward;
    this.run.textContent = state.running ? "❚❚ Pause" : state.replay ? "▶ Play" : "▶ Run";
    this.larger.setAttribute("aria-pressed", state.theme === "projector");
    this.scrubber.min = state.first;
    this.scrubber.max = Math.max(state.first, state.last);
    if (document.activeElement !== this.scrubber || !this.scrubber.matches(":active")) this.scrubber.value = state.i;
    this.scrubber.disabled = state.last < 0;
    const whole = (state.last ?? -1).toLocaleString("en"), at = (state.i ?? -1).toLocaleString("en");
    this.place.textContent = state.last < 0 ? "" : `${at} / ${whole}${state.at ? `, ${state.at}` : ""}`;
    this.scrubber.setAttribute("aria-valuetext", `iteration ${this.place.textContent}`);
    this.since = state.asleep ? performance.now() - 1000 * state.asleep[1] : null;
    if ("trouble" in changes) this.alert.textContent = state.trouble;
    clearInterval(this.clock);
    this.clock = state.asleep ? setInterval(() => this.tick(), 100) : null;
    this.tick();
  }

  /** The line above the figure: what went wrong, or what the loop does at this moment. */
  tick() {
    const { trouble, asleep, running, note, replay } = this.state;
    const seconds = asleep ? ((performance.now() - this.since) / 1000).toFixed(1) : "";
    this.status.classList.toggle("bad", !!trouble);
    this.status.textContent = trouble ? `✗ ${trouble}` : asleep ? `asleep in ${asleep[0]}, ${seconds} s`
      : note || (running ? (replay ? "playing" : "running") : "");
    this.status.title = this.status.textContent;
  }

  /** A row for each peer; a row stays where it is, and the box of them never shrinks while it is used. */
  showPeers({ rows, more }) {
    const known = new Map([...this.peers.children].map(row => [row.dataset.peer, row]));
    const wanted = rows.map(each => known.get(each.name) ?? this.peerRow(each.name));
    if (wanted.some((row, at) => this.peers.children[at] !== row) || this.peers.children.length !== wanted.length + (more ? 1 : 0)) {
      this.peers.replaceChildren(...wanted);
      if (more) this.peers.append(make("p", { className: "lk-row" }, `… and ${more.toLocaleString("en")} more peers, without a row`));
    }
    for (const [at, { open, reads, took }] of rows.entries()) {
      const row = wanted[at];
      row.querySelector(".lk-took").textContent = open ? took : took || "closed";
      row.querySelector("[aria-pressed]").setAttribute("aria-pressed", reads);
      for (const each of row.querySelectorAll("button, input")) each.disabled = !open;
    }
  }

  peerRow(peer) {
    const act = (text, what, act, more = {}) => make("button", { type: "button", title: what,
      "aria-label": `${text}: ${peer}`, onclick: () => this.send({ do: "peer", peer, act }), ...more }, text);
    const typed = make("input", { className: "lk-typed", placeholder: "bytes, then Enter", "aria-label": `bytes that ${peer} sends`,
      title: String.raw`sent when you press Enter; \n, \r, \t, \\ and \x00 are understood`,
      onkeydown: event => {
        if (event.key !== "Enter" || !typed.value) return;
        this.send({ do: "peer", peer, act: "type", text: typed.value });
        typed.value = "";
      } });
    const row = make("div", { className: "lk-row", role: "group", "aria-label": peer }, make("span", { className: "lk-name", title: peer }, peer), typed,
      act("Send 1 B", "send one byte", "1 B"), act("Send 1 KB", "send 1,000 bytes", "1 KB"),
      act("Reads", "take what arrives, as long as this is pressed", "reads", { "aria-pressed": "false" }),
      act("Shut down", "say that no more will be sent", "shutdown"), act("Close", "close the connection", "close"),
      act("Reset", "reset the connection (RST)", "reset"), make("span", { className: "lk-took" }));
    row.dataset.peer = peer;
    return row;
  }
}

/** The relative luminance of a colour as getComputedStyle writes it (WCAG 2). */
function luminance(colour) {
  const pen = make("canvas", { width: 1, height: 1 }).getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, 1, 1);
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 1, 1);
  const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].map(c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

// ---- in a notebook ----------------------------------------------------------------------------------------

const figures = new Map(); // a figure whose output is drawn anew keeps its page, with what is typed in it

export default {
  render({ model, el }) {
    const key = model.get("key");
    let figure = figures.get(key);
    if (!figure) {
      const root = make("div");
      figure = new Figure(root, message => figure.model.send(message));
      figures.set(key, figure);
    }
    figure.model = model;
    figure.views = (figure.views ?? 0) + 1;
    const focused = figure.root.contains(document.activeElement) ? document.activeElement : null;
    el.append(figure.root);
    focused?.focus({ preventScroll: true });
    const receive = text => figure.receive(JSON.parse(text));
    model.on("msg:custom", receive);
    figure.send({ do: "hello" });
    return () => {
      model.off("msg:custom", receive);
      if (--figure.views) return;
      figures.delete(key);
      figure.close();
    };
  },
};

// ---- in a file --------------------------------------------------------------------------------------------

/** A tape that was written into the page answers as a kernel would, except that nothing more will run. */
class Recorded {
  constructor(data) {
    Object.assign(this, data); // table, frames, pieces, whys, explains, finds, speeds, granularities
    this.at = 0;
    this.granularity = "iteration";
    this.speed = "4 a second";
    this.theme = "screen";
  }

  start(root) {
    this.figure = new Figure(root, message => this.answer(message));
    this.figure.keeps = true;
    for (const [id, marks] of this.pieces.entries()) this.figure.pieces.set(String(id), { key: String(id), marks: marks.map(named) });
    const { table, speeds, granularities } = this;
    const finds = Object.keys(this.finds).filter(name => this.finds[name].length);
    this.figure.receive({ table, state: { speeds, granularities, finds, replay: true } });
    this.go(0);
  }

  get frame() { return this.frames[this.at]; }

  answer({ do: order, ...message }) {
    const moves = { back: () => this.move(-1), forward: () => this.move(1), go: () => this.goTo(message.i), run: () => this.play(),
      pause: () => this.stop(), find: () => this.find(message.what, message.way), why: () => this.why(message) };
    if (order in moves) {
      if (!["run", "why"].includes(order)) this.stop();
      moves[order]();
    } else if (["speed", "granularity", "theme"].includes(order)) {
      this[order] = message.value;
      if (order === "granularity") this.goTo(this.frame.i);
      else this.go(this.at);
      if (order === "speed" && this.timer) this.play();
    }
  }

  /** The position of a whole iteration. */
  goTo(i) {
    const at = this.frames.findIndex(frame => frame.i === i && frame.call === null);
    if (at >= 0) this.go(at);
  }

  /** One position on: every frame by call, whole iterations otherwise. */
  next(way) {
    let at = this.at + way;
    while (this.granularity === "iteration" && this.frames[at] && this.frames[at].call !== null) at += way;
    return this.frames[at] ? at : null;
  }

  move(way) {
    const at = this.next(way);
    if (at !== null) this.go(at);
    return at !== null;
  }

  go(at) {
    this.at = at;
    const { i, call, h, says, panels, layers } = this.frame, frames = this.frames;
    const { speed, granularity, theme } = this;
    this.figure.receive({
      i, call, h, w: this.w, says, panels, layers: layers.map(([id, x, y]) => [String(id), x, y]), marks: {}, glide: !this.timer,
      state: { i, at: call === null ? "" : `call ${call}`, first: frames[0].i, last: frames.at(-1).i, speed, granularity, theme, running: !!this.timer,
        back: this.next(-1) !== null, forward: this.next(1) !== null, trouble: "", note: this.note ?? "" },
    });
  }

  play() {
    clearInterval(this.timer);
    if (this.next(1) === null) this.at = 0;
    this.timer = setInterval(() => this.move(1) || this.stop(), 1000 / Number.parseFloat(this.speed));
    this.go(this.at);
  }

  stop() {
    if (!this.timer) return;
    clearInterval(this.timer);
    this.timer = null;
    this.go(this.at);
  }

  /** The next iteration of which something is true: one of `finds`, or that its words contain a text. */
  find(what, way) {
    const low = what.toLowerCase(), list = this.finds[what] ?? this.explains.flatMap(([i, text]) => text.toLowerCase().includes(low) ? [i] : []);
    const ahead = list.filter(i => way > 0 ? i > this.frame.i : i < this.frame.i);
    this.note = ahead.length || list.includes(this.frame.i) ? "" : `no ${what} in this tape`;
    if (ahead.length) this.goTo(way > 0 ? ahead[0] : ahead.at(-1));
    else this.go(this.at);
  }

  why({ of, key, number }) {
    const why = this.whys[key]?.[number];
    if (why) this.figure.receive({ of, why: this.texts[why] ?? "" });
  }
}

/** Play what the page holds: JSON, compressed, in base64. */
export async function play(root, packed) {
  const bytes = Uint8Array.from(atob(packed), each => each.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const recorded = new Recorded(JSON.parse(await new Response(stream).text()));
  recorded.start(root);
  return recorded;
}
