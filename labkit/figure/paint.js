// The painter of the browser: layers of marks on a canvas, on whole device pixels, by theme.py's table of looks.
//
// It knows marks and looks, and neither controls nor what a mark stands for. Pages load one module: paint.js,
// controls.js, widget.js, notebook.js and play.js, joined in this order (script.py).

const SOLID = 6; // pixels: a box less high has no outline
const FAMILIES = { plain: '"DejaVu Sans", Verdana, system-ui, sans-serif', mono: '"DejaVu Sans Mono", Menlo, Consolas, monospace' };

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

/** Paints layers of marks on a canvas, on whole device pixels, by the table of looks and the page's own ground. */
class Painter {
  constructor(canvas) {
    Object.assign(this, { canvas, table: null, colours: {}, scale: 0 }); // device pixels of one pixel of a drawing
    this.pen = canvas.getContext("2d", { alpha: false }); // its ground is painted: half the work for the page
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
    if (this.canvas.width !== wide || this.canvas.height !== tall) Object.assign(this.canvas, { width: wide, height: tall });
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

  #trace(shape, { kind, x, y, w, h, value }) {
    const s = this.scale, { role } = shape, line = this.#thick(role.width);
    const left = Math.round(x * s), top = Math.round(y * s);
    if (role.shape === "line") {
      const shift = (line % 2) / 2;
      shape.line.moveTo(left + shift, top + shift);
      shape.line.lineTo(Math.round((x + w) * s) + shift, Math.round((y + h) * s) + shift);
      return;
    }
    if (!w || !h) return; // nothing is no thin line
    const wide = Math.max(1, Math.round((x + w) * s) - left), tall = Math.max(1, Math.round((y + h) * s) - top);
    if ((kind === "cell" ? h / (value ?? 1) : h) < SOLID) { // too low, each of them, for an outline or a cross: the cross is ink all over
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
