/* Ask the questions of the exercise *sheet* in *root*, one at a time. *judge* takes the name of a
   question and the answer, and promises {right, because}, or {error} for what can be no answer;
   *marks* has what came of earlier ones. */
const askExercise = (root, sheet, judge, marks = {}) => {
  const known = new Map(Object.entries(marks).filter(([, mark]) => mark.because));
  const passed = new Set();
  const last = h("div", { class: "feedback", role: "status" });
  const form = h("form", { class: "question" });
  const end = h("div", { class: "end" });
  root.append(h("section", { class: "panel exercise", "aria-label": sheet.title },
    h("h2", {}, `${sheet.name.toUpperCase()}. ${sheet.title}`),
    h("pre", { class: "scene" }, sheet.scene), last, form, end));

  answerOnEnter(form);
  const judged = (q) => {
    const mark = known.get(q.name);
    return reply(mark.right ? "right" : "wrong", q.text, mark.answer, mark.because);
  };
  const fault = (words) => { form.querySelector(".missing").textContent = words; };
  const given = () => {
    const input = form.querySelector("input:checked, .line");
    return input ? input.value : "";
  };
  const busy = (on) => {
    form.toggleAttribute("aria-busy", on);
    for (const button of form.querySelectorAll("button")) button.disabled = on;
  };
  const send = async (q) => {
    const value = given();
    if (!value.trim()) return fault("Choose or write an answer first, or leave it open.");
    const answer = q.choices.length ? q.choices[Number(value)] : value;
    busy(true);
    const mark = await judge(q.name, answer);
    busy(false);
    if (mark.error) return fault(mark.error);
    known.set(q.name, { answer, ...mark });
    last.replaceChildren(judged(q));
    return ask(true);
  };
  const ask = (focus) => {
    const open = sheet.questions.filter((q) => !known.has(q.name) && !passed.has(q.name));
    form.hidden = !open.length;
    end.hidden = !!open.length;
    if (!open.length) return finish(focus);
    const [q] = open;
    const place = `${sheet.questions.indexOf(q) + 1} of ${sheet.questions.length}`;
    form.replaceChildren(...questionFields(`(${place}) ${q.text}`, q.choices, q.number, "Leave it open"));
    form.onsubmit = (event) => { event.preventDefault(); send(q); };
    form.querySelector("#pass").onclick = () => { passed.add(q.name); last.replaceChildren(); ask(true); };
    if (focus) form.querySelector("input, textarea").focus();
    return undefined;
  };
  const finish = (focus) => {
    const hits = sheet.questions.filter((q) => known.has(q.name) && known.get(q.name).right).length;
    const open = sheet.questions.filter((q) => !known.has(q.name));
    const title = h("h2", { tabindex: "-1" }, `${hits} of ${sheet.questions.length} right.`);
    const again = h("button", { type: "button" }, open.length ? `Ask the ${open.length} that are open` : "Ask all of it again");
    again.onclick = () => {
      passed.clear();
      if (!open.length) known.clear();
      ask(true);
    };
    last.replaceChildren();
    end.replaceChildren(title, ...sheet.questions.filter((q) => known.has(q.name)).map(judged),
      open.length ? "" : h("p", {}, sheet.explanation), h("div", { class: "buttons" }, again));
    if (focus) title.focus();
  };
  ask(false);
};
