// A figure in a notebook: what anywidget calls when an output that holds one is drawn, or drawn anew, or goes.

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
    const { focused } = figure, lost = document.activeElement === document.body || figure.root.contains(document.activeElement);
    el.append(figure.root);
    if (focused && lost) focused.focus({ preventScroll: true });
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
