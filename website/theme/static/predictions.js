// Predictions on a page without a kernel: a reader locks an answer in, and this judges it by the run of the build.
//
// The cards are drawn by labkit's own predict.js; here is what a kernel would do for them. What a reader locked in
// is kept in this browser. Nothing that answers is shown before that, or before "Show me".

const LETTERED = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const KEPT = "labkit predictions";
const guesses = new Map();

/** One question: its state as it was asked, and `settled`, what the run of the build did. */
class Prediction {
  constructor(asked) {
    this.asked = asked;
    this.settled = null;
    this.answer = null;
    this.givenUp = this.trouble = "";
    this.drawn = [];
    const kept = remembered()[asked.id];
    if (kept?.question === asked.question) Object.assign(this, { answer: kept.answer, givenUp: kept.givenUp });
  }

  get told() { return !!this.settled && (this.answer !== null || !!this.givenUp); }

  /** What predict.js draws a card of. */
  state(part) {
    const { answer, told, trouble, asked } = this;
    const said = answer === null ? "" : words(asked, answer);
    return { ...asked, part, answer, said, told, trouble, ran: !!this.settled, again: "Answer anew", verdict: told ? this.verdict(said) : null };
  }

  verdict(mine) {
    const { value, seen, reason, wrong } = this.settled;
    const right = this.answer === null ? null : isRight(this.asked, this.answer, value);
    const because = right === false ? misconception(this.asked, this.answer, value, wrong) : "";
    const at = this.figure()?.checkVisibility() ? this.settled.at : null; // else there is nothing to show it in
    return { mine, seen, right, option: value, at, reason: [because, reason].filter(Boolean).join("\n\n") };
  }

  order(name, value) {
    this.trouble = "";
    if (name === "lock") this.lock(value);
    if (name === "show") this.givenUp = "shown";
    if (name === "again") Object.assign(this, { answer: null, givenUp: "" });
    if (name === "look") return this.look();
    remember(this);
    unveil();
    for (const guess of guesses.values()) if (guess === this || guess.told) for (const draw of guess.drawn) draw();
  }

  /** The place of the player that shows what answers this. */
  figure() { return this.show && document.querySelector(`.site-player[data-tape="${CSS.escape(this.show)}"]`); }

  async look() {
    const place = this.figure();
    await played(place);
    place.player.goTo(this.settled.at);
    place.scrollIntoView({ block: "center" });
    place.querySelector(".lk-sheet").focus({ preventScroll: true });
  }

  lock(value) {
    const answer = this.asked.kind === "number" ? number(value, this.asked.unit) : value;
    if (Number.isNaN(answer)) this.trouble = `${JSON.stringify(value)} is no number; give one such as 0, 1500 or 2.5`;
    else this.answer = answer;
  }

  card(part, place) {
    place.replaceChildren();
    labkitCard.render({ el: place, model: {
      get: () => this.state(part), send: ({ order, value }) => this.order(order, value),
      on: (_, draw) => this.drawn.push(draw), off: () => {},
    } });
  }
}

// ---- how an answer is read, judged and said: as labkit/teaching/answers.py does it

function number(text, unit) {
  const bare = String(text).trim().replace(new RegExp(`${unit}$`), "").replace(/[,_\s]/g, "");
  return bare === "" ? Number.NaN : Number.isFinite(Number(bare)) ? Number(bare) : Number.NaN;
}

function isRight({ kind, factor }, answer, value) {
  if (kind !== "number") return JSON.stringify(answer) === JSON.stringify(value);
  if (value === null) return false;
  if (answer === value || answer * value <= 0) return answer === value;
  return Math.max(answer / value, value / answer) <= factor;
}

function misconception({ kind }, answer, value, wrong) {
  if (kind === "choices") return wrong[answer] ?? "";
  if (kind === "number") return wrong[String(answer)] ?? (value === null ? "" : wrong[answer < value ? "less" : "more"] ?? "");
  for (const [key, text] of Object.entries(wrong)) {
    const [first, second] = key.split(" before ");
    if (second && before(answer, first, second) && !before(value, first, second)) return text;
  }
  return wrong.otherwise ?? "";
}

function before(items, first, second) {
  return items.includes(first) && items.includes(second) && items.indexOf(first) < items.indexOf(second);
}

function words({ kind, options, unit }, answer) {
  if (kind === "choices") return `${LETTERED[options.indexOf(answer)]}: ${answer}`;
  if (kind === "order") return answer.join(", then ");
  return `${answer.toLocaleString("en", { maximumSignificantDigits: Number.isInteger(answer) ? 21 : 3 })} ${unit}`;
}

// ---- what is kept

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? {};
  } catch {
    return {}; // no storage, or another's: it starts anew
  }
}

function remember({ asked: { id, question }, answer, givenUp }) {
  try {
    localStorage.setItem(KEPT, JSON.stringify({ ...remembered(), [id]: { question, answer, givenUp } }));
  } catch { /* it starts anew at the next visit */ }
}

// ---- the page

function opened(card) {
  const bytes = Uint8Array.from(atob(card.dataset.card), each => each.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** Show what the questions above it no longer forbid; of the rest say which question comes first. */
function unveil() {
  for (const veiled of document.querySelectorAll(".site-veiled")) {
    const open = veiled.dataset.after.split(" ").filter(id => guesses.has(id) && !guesses.get(id).told);
    veiled.open = !open.length;
    veiled.hidden = !!open.length;
    if (veiled.dataset.says === "0") continue;
    const note = veiled.previousElementSibling ?? sealedNote(veiled);
    note.hidden = !open.length;
    note.first = open[0];
  }
}

function sealedNote(veiled) {
  const note = document.createElement("p"), button = document.createElement("button");
  Object.assign(button, { type: "button", textContent: "To the question" });
  button.addEventListener("click", () => {
    const form = document.querySelector(`form[data-question="${CSS.escape(note.first)}"]`);
    form?.scrollIntoView({ block: "center" });
    form?.querySelector("input, button")?.focus({ preventScroll: true });
  });
  note.className = "site-sealed";
  note.append("What the run did stands here once you have predicted it. ", button);
  veiled.before(note);
  return note;
}

const cards = [...document.querySelectorAll(".site-card")].map(place => ({ place, state: opened(place) }));
for (const { place, state } of cards) {
  const { part, settled, look, ...asked } = state;
  if (part === "question") guesses.set(state.id, Object.assign(new Prediction(asked), { place }));
  else if (guesses.has(state.id)) Object.assign(guesses.get(state.id), { settled, show: look, revealed: place });
}
unveil();
for (const guess of guesses.values()) {
  guess.card("question", guess.place);
  if (!guess.revealed) continue;
  guess.revealed.dataset.revealed = guess.asked.id;
  guess.card("answer", guess.revealed);
}
document.documentElement.classList.add("site-scripted");
