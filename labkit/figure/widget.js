// The figure in a browser: it shows drawings, says what each mark is, and tells what the reader wants.
//
// Three pages use it: a notebook (`export default`, by anywidget), the exported player (`play`), and tests. A
// drawing comes as marks, by layers (drawing.py); it is painted by paint.js under the controls of controls.js. It
// knows no tape and no panel, asks no network, and puts text into the page as text, never as HTML.

const GLIDE = 250; // ms in which bytes glide to where they are now
const GLIDE_EVERY = 125; // ms at least between two glides
const SMALLEST = 640, LARGEST = 2560; // CSS pixels that a figure is laid out for
const PROJECTOR = 1.5;
const HELD = 400; // drawings that are kept
const ACK_EVERY = 4; // drawings: each answer makes the kernel busy for a moment, and the page shows that it is
const WORDS_EVERY = 150; // ms between two changes of the words while it runs
const SAID_EVERY = 300; // ms of rest before a screen reader is told
const SILENT = new Set(["title", "swatch", "legend", "rule", "band", "flow", "border", "edge"]); // nobody asks about these

/** A figure in `root`: what comes in by receive() is painted; what the reader wants goes out by `send`. */
export class Figure {
  constructor(root, send) {
    Object.assign(this, { root, send, drawing: null, layers: [], byKeyboard: false, glides: [] });
    this.pieces = new Map(); // layers that the sender knows we have
    this.held = new Map(); // drawings of whole iterations that are true still, by iteration; null is asked for
    this.told = {}; // the state as the sender knows it: ours may be ahead of it
    this.orders = this.ahead = 0; // orders that were sent; the last that led to a drawing we held
    this.pointed = null; // the mark under the pointer, or that the keyboard has gone to
    this.lastGlide = this.lastWords = 0;
    this.build(root);
    this.sizes = new ResizeObserver(() => this.fit());
    this.painter = new Painter(this.canvas);
    this.watch();
  }

  // ---- the page

  build(root) {
    this.controls = new Controls(root, message => this.order(message), () => document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen?.());
    this.canvas = make("canvas", { role: "img" });
    this.tip = make("div", { className: "lk-tip", hidden: true });
    this.sheet = make("div", { className: "lk-sheet", tabIndex: 0, role: "application", "aria-roledescription": "figure",
      "aria-label": "The figure. Left and right arrow move through iterations, up and down through the marks of one; Enter goes to a mark's iteration." },
    this.canvas, this.tip);
    this.spoken = make("div", { className: "lk-hidden", "aria-live": "polite" });
    this.said = make("p", { className: "lk-said" });
    this.root.classList.add("labkit");
    this.root.figure = this; // for whoever looks at the page, such as a test
    this.root.dataset.lmSuppressShortcuts = "true"; // JupyterLab's own keys are not for us
    const { cover, moves, options, status, peers, alert } = this.controls;
    this.root.replaceChildren(make("style", {}, CSS), cover, moves, options, status, peers, this.sheet, this.said, this.spoken, alert);
  }

  get state() { return this.controls.state; }

  watch() {
    this.sheet.addEventListener("pointermove", event => this.point(this.at(event)));
    this.sheet.addEventListener("pointerleave", () => this.byKeyboard || this.point(null));
    this.sheet.addEventListener("click", event => this.goTo(this.at(event) ?? this.column(event)));
    this.sheet.addEventListener("keydown", event => this.key(event));
    this.sheet.addEventListener("blur", () => this.point(null));
    for (const kind of ["pointermove", "focus"]) this.controls.scrubber.addEventListener(kind, () => this.foresee(this.state.i));
    this.root.addEventListener("keydown", event => event.ctrlKey || event.metaKey || event.stopPropagation());
    this.root.addEventListener("pointerleave", () => this.send({ do: "left" }));
    this.root.addEventListener("focusin", event => { this.focused = event.target; });
    this.root.addEventListener("focusout", ({ relatedTarget: to }) => {
      if (this.root.contains(to)) return;
      if (to) this.focused = null; // else the page may have taken the focus away, with the whole figure
      this.send({ do: "left" });
    });
    this.sizes.observe(this.root);
    this.themes = new MutationObserver(() => this.recolour());
    this.themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-name", "data-jp-theme-light", "class"] });
    this.queries = ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"].map(each => matchMedia(each));
    this.recoloured = () => this.recolour();
    for (const each of this.queries) each.addEventListener("change", this.recoloured);
    this.root.addEventListener("fullscreenchange", () => this.fit());
  }

  /** Leave nothing behind. */
  close() {
    this.sizes.disconnect();
    this.themes.disconnect();
    for (const each of this.queries) each.removeEventListener("change", this.recoloured);
    this.controls.close();
    clearTimeout(this.speaking);
    for (const each of [this.asking, this.wording]) clearTimeout(each);
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
    const full = document.fullscreenElement === this.root, below = this.root.clientHeight - this.sheet.offsetTop;
    const high = full ? Math.max(100, Math.floor(below / PROJECTOR / 10 - 1) * 10) : null; // of the screen, to fit what can be fitted
    if (wide !== this.wide || high !== this.high) {
      Object.assign(this, { wide, high });
      clearTimeout(this.asking);
      this.asking = setTimeout(() => this.send({ do: "width", value: wide, high }), this.drawing ? 60 : 0);
    }
    this.later();
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
    Object.assign(this.told, message.state);
    const late = this.told.order < this.ahead; // it answers what came before we went on by ourselves
    if (message.state) {
      const { i, at, back, forward } = late ? this.state : this.told;
      this.controls.show({ ...message.state, i, at, back, forward });
      if ("theme" in message.state) this.fit();
    }
    if (message.layers) {
      const held = this.hold(message);
      if (!late && !(message.n < 0)) this.show(held, message.glide); // what is less was drawn ahead
    } else if (message.state && "running" in message.state && this.drawing) this.say();
    if (message.why !== undefined && this.pointed?.id === message.of) this.explain(message.why);
  }

  /** Keep what came of a drawing; and the whole of it, if it is of the past: it is shown again without a question. */
  hold(drawing) {
    for (const [key, marks] of Object.entries(drawing.marks)) this.pieces.set(key, { key, marks: marks.map(named) });
    const layers = drawing.layers.map(([key, x, y]) => ({ piece: this.pieces.get(key), x, y })), { held } = this;
    if (drawing.forget) this.pieces = new Map(layers.map(({ piece }) => [piece.key, piece]));
    if (drawing.anew) held.clear();
    if (drawing.n !== undefined && drawing.i < drawing.last && drawing.call === null && drawing.line === null) {
      held.set(drawing.i, { drawing, layers });
      if (held.size > HELD) held.delete(held.keys().next().value);
    }
    return { drawing, layers };
  }

  show({ drawing, layers }, glide = false) {
    const before = this.places;
    this.drawing = drawing;
    this.layers = layers;
    this.places = this.bytes();
    if (glide) this.startGliding(before);
    clearTimeout(this.wording);
    if (!this.state.running || performance.now() - this.lastWords > WORDS_EVERY) this.say();
    else this.wording = setTimeout(() => this.say(), WORDS_EVERY); // it may be the last, and the loop asleep
    if (this.pointed) this.point(this.byKeyboard ? this.again(this.pointed) : null, this.byKeyboard);
    this.later();
  }

  // ---- what goes out

  /** Send an order. If it leads to a drawing that we hold, show it at once: the answer only confirms it. */
  order(message) {
    this.send({ ...message, order: ++this.orders });
    const { i, first, last, running, granularity } = this.state;
    const to = { go: message.i, back: i - 1, forward: i + 1 }[message.do];
    if (to === undefined || running || granularity !== "iteration") return;
    this.foresee(to);
    if (!this.held.get(to)) return;
    this.ahead = this.orders;
    this.controls.show({ i: to, at: "", back: to > first, forward: to < last });
    this.show(this.held.get(to));
  }

  /** Ask, once while they are true, for the drawings beside iteration `here`, and for those that the slider leads to. */
  foresee(here) {
    const { first, last, running, granularity } = this.state, { held } = this, { stride } = this.controls;
    const beside = [1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6].map(far => here + far);
    const unknown = at => at >= first && at < last && !held.has(at);
    if (running || granularity !== "iteration" || this.told.order === undefined) return;
    const wanted = new Set(beside);
    for (let by = SLOTS / 2; by >= 1; by /= 2) // from coarse to fine
      for (let at = first; at < last; at += by * stride) wanted.add(at);
    const of = [...wanted].filter(unknown);
    if (of.length <= beside.length && !beside.slice(0, 4).some(unknown)) return; // not for every step a question
    for (const each of of) held.set(each, null);
    this.send({ do: "ahead", of });
  }

  /** The iteration in words, for eyes and for a screen reader. */
  say() {
    const { says } = this.drawing;
    this.lastWords = performance.now();
    this.canvas.setAttribute("aria-label", says);
    this.said.textContent = says;
    if (!this.state.running) this.speak(says);
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
      if (this.acked === undefined || n - this.acked >= ACK_EVERY) this.send({ ack: this.acked = n });
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
    if (mark && mark.iteration !== null && mark.iteration !== this.drawing.i) this.order({ do: "go", i: mark.iteration });
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const orders = { ArrowLeft: { do: "back" }, ArrowRight: { do: "forward" }, Home: { do: "go", i: this.state.first }, End: { do: "go", i: this.state.last } };
    if (event.key in orders) this.order(orders[event.key]);
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
}
