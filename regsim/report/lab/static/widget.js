/* What a notebook runs: the lab or an exercise in a shadow root, so that neither their names nor
   their styles meet the notebook's, nor its other cells'. */

/* Light or dark as what lies behind the cell; the notebook's theme need not be the system's. */
const schemeBehind = (node) => {
  const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  for (let at = node; at; at = at.parentElement) {
    pixel.clearRect(0, 0, 1, 1);
    pixel.fillStyle = getComputedStyle(at).backgroundColor;
    pixel.fillRect(0, 0, 1, 1);
    const [red, green, blue, solid] = pixel.getImageData(0, 0, 1, 1).data;
    if (solid > 127) return red + green + blue < 384 ? "dark" : "light";
  }
  return "light dark";
};

/* The kernel judges: an answer goes there as `asked`, and comes back among the `marks`. Where a
   page outlives its kernel nothing comes back. */
const PATIENCE = 60000;
const judgeOf = (model) => {
  let number = Math.max(0, ...Object.values(model.get("marks")).map((mark) => mark.number));
  return (name, answer) => new Promise((done) => {
    number += 1;
    const mine = number;
    const finish = (mark) => {
      clearTimeout(timer);
      model.off("change:marks", heard);
      done(mark);
    };
    const heard = () => {
      const mark = model.get("marks")[name];
      if (mark && mark.number === mine) finish(mark);
    };
    const timer = setTimeout(() => finish({ error: "No kernel answers: run the cell again." }), PATIENCE);
    model.on("change:marks", heard);
    model.set("asked", { name, answer, number: mine });
    model.save_changes();
  });
};

const render = ({ model, el }) => {
  /* JupyterLab leaves the keys to what says so. */
  const host = h("div", { "data-lm-suppress-shortcuts": "true" });
  const markup = document.createElement("template");
  markup.innerHTML = model.get("markup"); // our own: no name out of a registry is in it
  el.append(host);
  new ResizeObserver(() => { host.style.colorScheme = schemeBehind(el); }).observe(host);
  const root = host.attachShadow({ mode: "open" });
  root.append(h("style", {}, model.get("look")), markup.content);
  const told = model.get("told");
  if (told.exercise) {
    const box = root.querySelector(".host");
    box.replaceChildren();
    askExercise(box, told.exercise, judgeOf(model), model.get("marks"));
    return;
  }
  root.querySelector(".name").textContent = told.title;
  root.querySelector(".intro").textContent = told.intro;
  playLab(root, told.lab);
};
export default { render };
