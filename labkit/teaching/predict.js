// A prediction on the page: the card that asks, and the card that answers. The state comes in, what is pressed
// goes out; nothing is decided here. Texts are set as text, never as HTML; `code`, *emphasis* and blank lines are known.

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
let forms = 0;

function render({ model, el }) {
  const order = (name, value = null) => model.send({ order: name, value });
  const draw = () => {
    const state = model.get("state");
    const focused = el.contains(document.activeElement);
    el.replaceChildren(state.part === "question" ? question(state, order) : answer(state, order));
    if (focused) (el.querySelector("[data-next]") ?? el.querySelector("section")).focus({ preventScroll: true });
  };
  el.classList.add("labkit-predict");
  el.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab: a letter typed here is no command
  model.on("change:state", draw);
  draw();
  return () => model.off("change:state", draw);
}

// ---- the card that asks

function question(state, order) {
  const form = make("form", { autocomplete: "off", "data-question": state.id });
  const group = make("fieldset", {}, make("legend", {}, "Predict"), ...prose(state.question));
  const closed = state.answer !== null || state.told;
  const input = { choices, number, order: ordering }[state.kind](state, closed);
  group.append(input.element);
  form.append(group);
  if (closed) {
    form.append(make("p", { role: "status", tabindex: -1, "data-next": "" }, ...said(state)));
    form.append(make("p", {}, button(state.again, () => order("again"))));
    return section(form, "A prediction");
  }
  const lock = make("button", { type: "submit" }, "Lock in");
  form.append(make("p", {}, lock, button("Show me", () => order("show"))));
  if (state.trouble) form.append(make("p", { role: "alert" }, state.trouble));
  form.addEventListener("keydown", event => { // a notebook may keep Enter from ending a form
    if (event.key !== "Enter" || event.target.tagName !== "INPUT") return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener("submit", event => {
    event.preventDefault();
    const value = input.value();
    if (value !== null && value !== "") order("lock", value);
  });
  return section(form, "A prediction");
}

function said(state) {
  if (state.told && state.answer === null) return ["Shown without a prediction."];
  if (state.answer === null) return ["Run the cell below: it shows what happens."];
  if (!state.told) return ["Locked in. Run the next cell."];
  return state.verdict.right ? ["✓ The run did as you said."] : ["✗ The run did something else."];
}

function choices(state, closed) {
  const name = `labkit-predict-${++forms}`;
  const list = make("div", { role: "radiogroup", "aria-label": "Choices" });
  const inputs = state.options.map((text, at) => {
    const input = make("input", { type: "radio", name, value: text });
    input.checked = state.answer === text;
    input.disabled = closed;
    const seen = state.told && state.verdict.option === text;
    const marks = seen ? [make("b", { class: "seen" }, " ← this run")] : [];
    list.append(make("label", {}, input, make("b", {}, LETTERS[at]), make("span", {}, ...inline(text)), ...marks));
    return input;
  });
  list.addEventListener("keydown", event => { // a letter or an arrow chooses: a notebook keeps arrows for itself
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    const here = inputs.indexOf(event.target);
    const letter = event.key.length === 1 ? LETTERS.indexOf(event.key.toUpperCase()) : -1;
    const to = by ? inputs[(here + by + inputs.length) % inputs.length] : inputs[letter];
    if (closed || !to || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    to.checked = true;
    to.focus();
  });
  return { element: list, value: () => inputs.find(input => input.checked)?.value ?? null };
}

function number(state, closed) {
  const input = make("input", { type: "text", inputmode: "decimal", size: 12, "aria-label": `A number of ${state.unit}` });
  input.value = state.answer ?? "";
  input.disabled = closed;
  const element = make("p", {}, input, ` ${state.unit} `, make("small", {}, state.within));
  return { element, value: () => input.value.trim() };
}

function ordering(state, closed) {
  const list = make("ol", { "aria-label": "From first to last" });
  let items = [...(state.answer ?? state.options)];
  const move = (at, by) => {
    const to = at + by;
    if (to < 0 || to >= items.length) return;
    [items[at], items[to]] = [items[to], items[at]];
    fill();
    const buttons = list.children[to].querySelectorAll("button");
    (buttons[by < 0 ? 0 : 1].disabled ? buttons[by < 0 ? 1 : 0] : buttons[by < 0 ? 0 : 1]).focus();
  };
  const fill = () => list.replaceChildren(...items.map((text, at) => {
    const up = button("▲", () => move(at, -1), `${text}: earlier`);
    const down = button("▼", () => move(at, 1), `${text}: later`);
    up.disabled = at === 0;
    down.disabled = at === items.length - 1;
    const row = make("li", {}, ...(closed ? [] : [up, down]), make("span", {}, ...inline(text)));
    row.addEventListener("keydown", event => { // the arrow keys move what has the focus
      const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (by && !closed) { event.preventDefault(); move(at, by); }
    });
    return row;
  }));
  fill();
  return { element: list, value: () => items };
}

// ---- the card that answers

function answer(state, order) {
  if (!state.told) {
    const back = button("To the question", () => toQuestion(state.id));
    back.setAttribute("data-next", "");
    const show = button("Show me", () => order("show"));
    const text = state.ran ? "This run has the answer. Predict first: " : "Run this cell again, for the new question. ";
    return section(make("p", {}, text, back, ...(state.ran ? [show] : [])), "What this run did");
  }
  const { mine, seen, right, reason, at, words } = state.verdict;
  const table = make("table", {},
    ...(mine ? [make("tr", {}, make("th", { scope: "row" }, "You predicted"), make("td", {}, ...inline(mine)))] : []),
    make("tr", {}, make("th", { scope: "row" }, "This run did"), make("td", {}, make("b", {}, ...inline(seen)))));
  const verdict = right === null ? [] : [make("p", { class: right ? "right" : "wrong" },
    right ? "✓ As you said." : "✗ Not as you said.")];
  const look = at === null ? [] : words ? [make("pre", { tabindex: 0 }, words)]
    : [make("p", {}, button(`Show iteration ${at}`, () => order("look")))];
  const told = make("div", { role: "status", tabindex: -1, "data-next": "" }, table, ...verdict, ...prose(reason));
  return section(make("div", {}, told, ...look), "What this run did");
}

function toQuestion(id) {
  const form = [...document.querySelectorAll(".labkit-predict form")].find(each => each.dataset.question === id);
  if (!form) return;
  form.scrollIntoView({ block: "center" });
  form.querySelector("input, button")?.focus({ preventScroll: true });
}

// ---- elements

function section(content, label) {
  return make("section", { "aria-label": label, tabindex: -1 }, content);
}

function button(label, press, name = null) {
  const made = make("button", { type: "button", ...(name ? { "aria-label": name } : {}) }, label);
  made.addEventListener("click", press);
  return made;
}

function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function prose(text) {
  return text.split(/\n\s*\n/).filter(part => part.trim()).map(part => make("p", {}, ...inline(part)));
}

function inline(text) {
  return String(text).split(/(`[^`]+`|\*\*[^*]+\*\*|\*[^*\s][^*]*\*)/).map(part => {
    if (/^`.+`$/.test(part)) return make("code", {}, part.slice(1, -1));
    if (/^\*\*.+\*\*$/.test(part)) return make("strong", {}, part.slice(2, -2));
    return /^\*.+\*$/.test(part) ? make("em", {}, part.slice(1, -1)) : part;
  });
}

export default { render };
