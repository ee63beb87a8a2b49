"use strict";
const SVG = "http://www.w3.org/2000/svg";

/* Elements are made, never parsed: a name out of a registry only ever becomes a text node. */
const fill = (node, attributes, children) => {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== ""));
  return node;
};
const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

/* What asks: a question with its choices, or a line to write in where it has none. */
const questionFields = (ask, options, number, pass = "Just show me") => [
  h("fieldset", {},
    h("legend", {}, h("span", { class: "mark", "aria-hidden": "true" }, "?"), ask),
    options.length
      ? options.map((option, n) => h("label", { class: "option" },
        h("input", { type: "radio", name: "answer", value: String(n) }), h("span", {}, option)))
      : h(number ? "input" : "textarea", { class: "line", name: "answer", "aria-label": "Your answer", autocomplete: "off", inputmode: number ? "numeric" : null })),
  h("div", { class: "buttons" },
    h("button", { type: "submit", class: "strong" }, "Answer, and see"),
    h("button", { type: "button", id: "pass" }, pass)),
  h("p", { class: "missing", role: "alert" })];
/* Enter answers; JupyterLab keeps a form from sending itself by it. */
const answerOnEnter = (form) => form.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches("input")) return;
  event.preventDefault();
  form.requestSubmit();
});
/* What comes back: *kind* is right, wrong, or passed where the reader had it shown. */
const reply = (kind, ask, answer, why) => {
  const head = { passed: "Shown.", right: "As you said.", wrong: "Not as you said." }[kind];
  return h("div", { class: `reply ${kind}` }, h("p", {}, h("b", {}, head), " ", h("span", { class: "asked" }, ask)),
    h("p", {}, answer === null ? "" : `You answered: ${answer}. `, h("span", { class: "why" }, why)));
};

/* Play *data* in *root*, a document or a shadow root that has the markup of cockpit.html in it. In
   a page of its own the address and the history keep where the reader is. */
const playLab = (root, data, { page = false } = {}) => {
  const $ = (id) => root.getElementById(id);
  /* The data: texts, rows and frames are stored once each and named by number. */
  const text = (number) => data.texts[number];
  /* A handle below zero has a value that the evidence does not tell. */
  const hex = (number) => (number < 0 ? "not known" : "0x" + number.toString(16));
  const rows = data.rows.map((r) => ({
    process: text(r[0]), service: text(r[1]), pid: r[2], handle: r[3], key: text(r[4]),
    path: text(r[5]), hive: text(r[6]), by: text(r[7]),
    implicit: !!(r[8] & 1), live: !!(r[8] & 2), blocks: !!(r[8] & 4),
  }));
  const frames = data.frames.map((f) => ({
    time: f[0], actor: text(f[1]), call: text(f[2]), step: text(f[3]), answer: text(f[4]),
    ok: !!(f[5] & 1), implicit: !!(f[5] & 2), unload: !!(f[5] & 4), handle: f[6], open: f[7],
    rows: f[8].map((n) => rows[n]), unlisted: f[9],
    changes: f[10].map(([kind, n]) => ({ kind, text: text(n) })), times: f[11], note: text(f[12]),
  }));
  const stories = data.stories.map((t) => ({
    frames: t[0].map((n) => frames[n]),
    questions: t[1].map((q) => ({
      at: q[0], ask: text(q[1]), options: q[2].map(text), right: q[3], why: text(q[4]),
    })),
    finding: text(t[2]), verdict: t[3].map(text), word: text(t[4]), mark: t[5],
    events: t[6].map(text),
  }));
  const axes = data.axes;
  const last = axes.length - 1;

  /* Where the reader is: the choice, the step, the question on show, the answers by story. */
  let choice = data.start.slice();
  let at = 0;
  let asking = -1;
  let opened = false;
  const answered = new Map();
  const SKIPPED = -1;

  const runOf = (options) => data.runs[options.join("/")];
  const storyOf = (options) => {
    const run = runOf(options);
    return typeof run === "number" ? stories[run] : null;
  };
  const story = () => storyOf(choice);
  const answers = () => {
    const key = choice.join("/");
    if (!answered.has(key)) answered.set(key, new Map());
    return answered.get(key);
  };
  const end = () => story().frames.length + 1;
  const frameAt = (step) => story().frames[Math.min(step, end() - 1) - 1] || null;
  const who = (row) => (row.service ? `${row.process} (${row.service})` : row.process);
  const place = (row) => row.key || "the root";
  const said = (f) => `${f.actor}${f.actor ? ": " : ""}${f.call}`;
  const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

  /* Moving. A question that lies on the way stops the reader until it is answered or passed. */
  const unanswered = (step) =>
    story().questions.findIndex((q, n) => q.at < step && !answers().has(n));
  const go = (step, { focus = false } = {}) => {
    const target = Math.max(0, Math.min(step, end()));
    asking = unanswered(target);
    at = asking < 0 ? target : story().questions[asking].at;
    render();
    if (asking >= 0) {
      if (focus) $("question").querySelector("input").focus();
      else say(`A question comes first: ${story().questions[asking].ask}`);
    } else say(spoken());
  };
  const resolve = (option) => {
    const from = story().questions[asking];
    answers().set(asking, option);
    const target = from.at + 1;
    go(target, { focus: true });
    if (asking < 0) (at === end() ? $("end-title") : $("next")).focus();
  };
  const passTo = (step) => {
    story().questions.forEach((q, n) => {
      if (q.at < step && !answers().has(n)) answers().set(n, SKIPPED);
    });
  };

  const say = (words) => { $("live").textContent = words; };
  const spoken = () => {
    const total = end() - 1;
    if (at === 0) return "Before the first call";
    if (at === end()) return `The end: ${story().finding}`;
    const f = frameAt(at);
    return `Step ${at} of ${total}, ${said(f)}${f.answer ? `, ${f.step}, ${f.answer}` : ""}`;
  };

  /* The address names the choice and the step, so that a link leads back here; the tab's history
     keeps the answers, so that they outlast a reload and nothing is stored. */
  const link = () => {
    const parts = axes.map((axis, n) => [axis.name, choice[n]]);
    return "#" + new URLSearchParams([...parts, ["step", String(at)]]).toString();
  };
  const keep = () => {
    if (!page) return;
    const kept = [...answered].map(([key, given]) => [key, [...given]]);
    history.replaceState({ answers: kept }, "", link());
  };
  const recall = () => {
    const kept = (history.state || {}).answers || [];
    for (const [key, given] of kept) if (data.runs[key] !== undefined) answered.set(key, new Map(given));
  };
  const follow = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    const wanted = axes.map((axis, n) => asked.get(axis.name) || choice[n]);
    if (runOf(wanted) !== undefined) choice = wanted;
    const step = Number(asked.get("step"));
    if (!story()) return render();
    if (Number.isInteger(step) && step > 0) passTo(Math.min(step, end()));
    return go(Number.isInteger(step) ? step : 0);
  };

  const select = (id, label, options, value, change) => {
    const box = h("select", { id }, options.map(([name, title]) => h("option", { value: name }, title)));
    box.value = value;
    box.addEventListener("change", () => change(box.value));
    return h("div", { class: "choice" }, h("label", { for: id }, label), box);
  };
  const renderChoices = () => {
    const form = $("choices");
    const held = root.activeElement && root.activeElement.id;
    form.replaceChildren(...axes.map((axis, n) => {
      const options = axis.options.map(([name, title]) => {
        const there = storyOf(choice.map((c, m) => (m === n ? name : c)));
        return [name, there || n !== last ? title : `${title} (not here)`];
      });
      return select(`axis-${n}`, axis.label, options, choice[n], (value) => {
        choice = choice.map((c, m) => (m === n ? value : c));
        opened = false;
        if (story()) go(Math.min(at, end() - 1));
        else render();
      });
    }));
    const says = axes.map((axis, n) => (axis.options.find(([name]) => name === choice[n]) || [])[2]);
    const known = says.filter(Boolean).join("; ");
    form.append(known ? h("p", { class: "says" }, `${known[0].toUpperCase()}${known.slice(1)}.`) : "");
    form.hidden = !axes.length;
    if (held && held.startsWith("axis-")) $(held).focus();
  };

  const badge = (kind, words) => h("span", { class: `badge ${kind}` }, words);
  const renderCard = () => {
    const f = frameAt(at);
    const total = end() - 1;
    if (at === 0) {
      $("card").replaceChildren(
        h("p", { class: "count" }, `Before the first of ${plural(total, "step")}`),
        h("p", { class: "call" }, "Nobody has called the registry yet."),
        h("p", { class: "did" }, "Press Next to begin."));
      return;
    }
    const clock = f.time ? ` \u00b7 ${f.time} s` : "";
    const did = [f.step, f.answer ? ` \u2192 ${f.answer}` : "", f.handle ? `, handle ${hex(f.handle)}` : ""];
    $("card").replaceChildren(
      h("p", { class: "count" }, at === end() ? `After the last of ${plural(total, "step")}` : `Step ${at} of ${total}${clock}`),
      h("p", { class: "call" }, h("span", { class: "actor" }, f.actor), " ", h("code", {}, f.call)),
      h("p", { class: "did" }, h("code", {}, did.join("")),
        f.times > 1 ? badge("again", `${f.times} times in a row`) : null,
        f.implicit ? badge("unasked", "nobody asked for this handle") : null,
        f.ok ? null : badge("refused", f.unload ? "the hive stays loaded" : "refused")),
      f.note ? h("p", { class: "note" }, f.note) : "",
      renderCount(f));
  };
  const renderCount = (f) => {
    if (f.open === null) return h("p", { class: "gauge" }, "The hive is not loaded.");
    const pips = h("span", { class: "pips", "aria-hidden": "true" });
    for (let n = 0; n < Math.min(f.open, 12); n += 1) pips.append(h("i"));
    return h("p", { class: "gauge" }, pips, h("b", {}, f.open.toLocaleString("en")),
      ` ${f.open === 1 ? "handle" : "handles"} open on the hive`);
  };

  const renderQuestion = () => {
    const form = $("question");
    form.hidden = asking < 0;
    form.replaceChildren();
    if (asking < 0) return;
    const q = story().questions[asking];
    form.append(...questionFields(q.ask, q.options));
    $("pass").addEventListener("click", () => resolve(SKIPPED));
  };
  const renderFeedback = () => {
    const given = story().questions.map((q, n) => [q, n, answers().get(n)])
      .filter(([q, , answer]) => q.at === at - 1 && answer !== undefined);
    $("feedback").replaceChildren(...given.map(([q, , answer]) => feedback(q, answer)));
  };
  const feedback = (q, answer) => {
    const right = q.right.includes(answer);
    const kind = answer === SKIPPED ? "passed" : right ? "right" : "wrong";
    return reply(kind, q.ask, answer === SKIPPED ? null : q.options[answer], q.why);
  };

  /* The life of each handle, from the step that opened it to the one after its last; bars that do
     not meet share a line. The slider lies on them, and shows none of what is yet to come. */
  const LINES = 5;
  const known = new Map();
  const lives = () => {
    const told = story();
    if (!known.has(told)) known.set(told, livesOf(told.frames));
    return known.get(told);
  };
  const livesOf = (list) => {
    const found = [], open = new Map(), free = [];
    list.forEach((f, n) => {
      const now = new Set(f.rows.map((row) => `${row.pid}/${row.handle}`));
      for (const [slot, life] of open) {
        if (!now.has(slot)) {
          life.died = n + 1;
          free[life.line] = n + 1;
          open.delete(slot);
        }
      }
      for (const row of f.rows) {
        const slot = `${row.pid}/${row.handle}`;
        if (open.has(slot)) continue;
        const born = n + 1;
        let line = free.findIndex((until) => until < born);
        if (line < 0) line = free.length;
        free[line] = Infinity;
        open.set(slot, { slot, line, born, died: Infinity, implicit: row.implicit });
        found.push(open.get(slot));
      }
    });
    return found;
  };
  const renderLives = () => {
    const share = (step) => `${(100 * step) / end()}%`;
    const f = frameAt(at);
    const stuck = new Set((f ? f.rows : []).filter(blocking).map((row) => `${row.pid}/${row.handle}`));
    const lines = Math.min(LINES, Math.max(0, ...lives().map((life) => life.line + 1)));
    const bars = lives().filter((life) => life.born <= at && life.line < LINES).map((life) => {
      const open = life.died > at;
      const kind = [open ? "open" : "", life.implicit ? "implicit" : "", open && stuck.has(life.slot) ? "blocks" : "", life.born === at ? "fresh" : ""];
      const bar = h("i", { class: `life ${kind.join(" ")}` });
      bar.style.left = share(life.born);
      bar.style.width = share(Math.min(life.died, at) - life.born);
      bar.style.top = `${(100 * (life.line + 0.5)) / (lines + 0.5)}%`;
      return bar;
    });
    $("lives").replaceChildren(...bars);
    $("lives").parentNode.style.setProperty("height", `${Math.max(2.75, 1.6 + lines * 0.62)}rem`);
  };

  const renderTrack = () => {
    const slider = $("slider");
    slider.max = String(end());
    slider.value = String(at);
    slider.setAttribute("aria-valuetext", spoken());
    $("back").disabled = at === 0 && asking < 0;
    $("next").disabled = at === end();
    const marks = story().questions.map((q, n) => [q.at + 0.5, answers().has(n) ? "\u2713" : "?", answers().has(n) ? "done" : ""]);
    story().frames.slice(0, at).forEach((f, n) => {
      if (f.unload) marks.push([n + 1, f.ok ? "\u25bc" : "\u2717", f.ok ? "unloaded" : "refused"]);
    });
    const seen = new Set();
    $("ticks").replaceChildren(...marks.filter(([x]) => !seen.has(x) && seen.add(x)).map(([x, sign, kind]) => {
      const tick = h("span", { class: kind }, sign);
      tick.style.left = `${(100 * x) / end()}%`;
      return tick;
    }));
    renderLives();
  };

  const before = () => (at === end() ? frameAt(at) : at > 1 ? frameAt(at - 1) : null);
  const isNew = (row) => {
    const f = before();
    return !f || !f.rows.some((r) => r.pid === row.pid && r.handle === row.handle && r.key === row.key);
  };
  /* What the step has closed is shown once more, as closed. */
  const withClosed = (f) => {
    const gone = !f || at === end() || !before() ? [] : before().rows.filter((old) =>
      !f.rows.some((row) => row.pid === old.pid && row.handle === old.handle && row.key === old.key));
    return [...(f ? f.rows : []), ...gone.map((row) => ({ ...row, closed: true, blocks: false }))];
  };
  const refusedBy = () => story().frames.findIndex((f) => f.unload && !f.ok);
  const blocking = (row) => row.blocks && refusedBy() >= 0 && at > refusedBy();
  const state = (row) => (row.closed ? "closed by this step" : !row.live ? "its key is gone" : blocking(row) ? "blocks the unload"
    : row.implicit ? "nobody asked for it" : "asked for");

  const renderChanged = () => {
    const f = at === end() ? null : frameAt(at);
    const changes = f ? f.changes : [];
    $("changed").hidden = $("changed-title").hidden = at === end();
    const signs = { opened: "+", unasked: "+", closed: "\u2212", moved: "\u2192", stale: "\u00d7", loaded: "\u25b2", unloaded: "\u25bc" };
    const items = changes.map((c) => h("li", { class: c.kind },
      h("span", { class: "sign", "aria-hidden": "true" }, signs[c.kind] || "\u2022"), h("span", {}, c.text)));
    $("changed").replaceChildren(...(items.length ? items : [h("li", { class: "none" },
      at === 0 ? "Nothing has happened yet." : "No handle was opened or closed.")]));
  };

  const HEADS = ["Process", "Handle", "Key", "Hive", "State", "Opened by"];
  const renderTable = () => {
    const f = frameAt(at);
    const list = withClosed(f);
    if (!list.length) {
      $("table").replaceChildren(h("p", { class: "none" }, "No process has a key open."));
      return;
    }
    const line = (row) => {
      const cells = [who(row), hex(row.handle), place(row), row.hive, state(row), row.by];
      const fresh = isNew(row) && !row.closed && at > 0 && at < end();
      const kind = `${row.closed ? "closed" : blocking(row) ? "blocks" : row.live ? "" : "stale"} ${row.implicit ? "implicit" : ""} ${fresh ? "fresh" : ""}`;
      return h("tr", { role: "row", class: kind }, cells.map((cell, n) => h(n ? "td" : "th",
        { role: n ? "cell" : "rowheader", scope: n ? null : "row", "data-head": HEADS[n] },
        n === 0 ? [cell, h("span", { class: "pid" }, ` process ${row.pid}`)] : n === 1 || n === 2 || n === 5 ? h("code", {}, cell) : cell,
        n === 0 && fresh ? badge("new", "new") : null)));
    };
    const heads = h("tr", { role: "row" }, HEADS.map((head) => h("th", { role: "columnheader", scope: "col" }, head)));
    $("table").replaceChildren(
      h("table", { role: "table" }, h("caption", {}, `${plural(f ? f.rows.length : 0, "handle")} in all processes after this step`),
        h("thead", { role: "rowgroup" }, heads), h("tbody", { role: "rowgroup" }, list.map(line))),
      f.unlisted ? h("p", { class: "folded" }, `${f.unlisted.toLocaleString("en")} more handles are open; the first ${list.length} are listed.`) : "");
    const cut = $("table").scrollHeight > $("table").clientHeight + 1;
    for (const [name, value] of Object.entries({ role: "region", tabindex: "0", "aria-label": "Open handles; scroll down for more" })) {
      if (cut) $("table").setAttribute(name, value);
      else $("table").removeAttribute(name);
    }
  };

  /* The graph: four columns, from the process over the handle and the key to the hive. */
  const LIMIT = 10;
  const TALL = 40, STEP = 62, WIDEST = 760, SLIM = 560;
  let wide = WIDEST, columns = [];
  /* As wide as there is room for, so that its letters keep their size. */
  const measure = () => {
    wide = Math.max(260, Math.min(WIDEST, $("graph").clientWidth - 8));
    const gap = wide < SLIM ? 14 : 40;
    const room = wide - 3 * gap;
    let x = 0;
    columns = [0.275, 0.1625, 0.33125, 0.23125].map((share) => {
      const column = [x, room * share];
      x += room * share + gap;
      return column;
    });
  };
  const short = (words, room) => {
    const most = Math.floor(room / (wide < SLIM ? 6.8 : 7.4));
    if (words.length <= most) return words;
    const keep = Math.floor((most - 1) / 2);
    return `${words.slice(0, keep)}\u2026${words.slice(-keep)}`;
  };
  const octagon = (x, y, w, t) => {
    const c = 11;
    return `M${x + c} ${y}H${x + w - c}L${x + w} ${y + c}V${y + t - c}L${x + w - c} ${y + t}H${x + c}L${x} ${y + t - c}V${y + c}Z`;
  };
  const node = (column, y, lines, kind, full) => {
    const [x, w] = columns[column];
    const blocks = kind.includes("blocks");
    const shape = blocks && column === 1
      ? s("path", { d: octagon(x, y, w, TALL) })
      : s("rect", { x, y, width: w, height: TALL, rx: column === 1 ? 20 : column === 3 ? 2 : 8 });
    const hive = column === 3 ? s("path", { class: "lid", d: `M${x + 1} ${y + 7}H${x + w - 1}` }) : null;
    const words = lines.filter(Boolean);
    return s("g", { class: `node ${kind}` }, s("title", {}, full), shape, hive,
      words.map((line, n) => s("text", { x: x + w / 2, y: y + TALL / 2 + 5 + (words.length > 1 ? n * 15 - 8 : 0), class: n ? "small" : "" }, short(line, w - (wide < SLIM ? 6 : 16)))));
  };
  const edge = (from, y1, to, y2, kind) => {
    const x1 = columns[from][0] + columns[from][1], x2 = columns[to][0];
    const a = y1 + TALL / 2, b = y2 + TALL / 2, m = (x1 + x2) / 2;
    return s("path", { class: `edge ${kind}`, d: `M${x1} ${a}C${m} ${a} ${m} ${b} ${x2} ${b}` });
  };
  const middle = (list, of) => {
    const found = new Map();
    list.forEach((row, n) => found.set(of(row), [...(found.get(of(row)) || []), n]));
    const taken = [];
    return new Map([...found].map(([key, at_]) => {
      let y = at_.reduce((a, b) => a + b, 0) / at_.length * STEP;
      while (taken.some((t) => Math.abs(t - y) < STEP * 0.9)) y += STEP * 0.5;
      taken.push(y);
      return [key, { y, row: list[at_[0]], all: at_.map((n) => list[n]) }];
    }));
  };
  const renderGraph = () => {
    const f = frameAt(at);
    const every = withClosed(f);
    const list = [...every].sort((a, b) => Number(blocking(b)) - Number(blocking(a))).slice(0, LIMIT);
    if (!list.length) {
      $("graph").replaceChildren(h("p", { class: "none" }, "No handle refers to any key."));
      return;
    }
    measure();
    const processes = middle(list, (r) => r.pid);
    const keys = middle(list, (r) => (r.live ? "" : "gone ") + r.path + "\\" + r.key);
    const hives = middle(list, (r) => (r.live ? "" : "gone ") + r.path);
    const edges = [], nodes = [];
    const kindOf = (of) => (of.some(blocking) ? "blocks" : of.every((r) => r.closed) ? "closed" : of.every((r) => !r.live) ? "stale" : "");
    list.forEach((row, n) => {
      const y = n * STEP, kind = `${kindOf([row])} ${row.implicit ? "implicit" : ""}`;
      const key = keys.get((row.live ? "" : "gone ") + row.path + "\\" + row.key).y;
      edges.push(edge(0, processes.get(row.pid).y, 1, y, kind), edge(1, y, 2, key, kind));
      nodes.push(node(1, y, [hex(row.handle)], kind + (isNew(row) && !row.closed ? " fresh" : ""), `${hex(row.handle)}: ${state(row)}`));
      const word = row.closed ? "closed" : blocking(row) ? "blocks unload" : !row.live ? "stale" : row.implicit ? (wide < SLIM ? "unasked" : "not asked for") : "";
      if (word) nodes.push(s("text", { class: `tag ${kind}`, x: columns[1][0] + columns[1][1] / 2, y: y + TALL + 14 }, word));
    });
    for (const { y, row } of processes.values()) nodes.push(node(0, y, [row.process, row.service || `process ${row.pid}`], "", who(row)));
    for (const { y, row, all } of keys.values()) {
      const kind = kindOf(all);
      nodes.push(node(2, y, [row.key ? row.key.split("\\").pop() : "(root)", row.key.includes("\\") ? row.key.slice(0, row.key.lastIndexOf("\\")) : ""], kind, place(row)));
      edges.push(edge(2, y, 3, hives.get((row.live ? "" : "gone ") + row.path).y, kind));
    }
    for (const { y, row, all } of hives.values()) nodes.push(node(3, y, [row.hive.replace(/^the /, ""), row.live ? "" : "taken away"], kindOf(all), row.path));
    const tall = Math.max(list.length * STEP, ...[...keys.values(), ...hives.values(), ...processes.values()].map((v) => v.y + STEP));
    const label = list.map((row) => `${who(row)} refers by handle ${hex(row.handle)} to ${place(row)} of ${row.hive}, ${state(row)}.`).join(" ");
    const heads = ["process", "handle", "key", "hive"].map((head, n) => s("text", { class: "head", x: columns[n][0] + columns[n][1] / 2, y: -14 }, head));
    $("graph").replaceChildren(
      s("svg", { class: wide < SLIM ? "slim" : "", viewBox: `-4 -32 ${wide + 8} ${tall + 34}`, role: "img", "aria-label": label }, edges, nodes, heads),
      every.length > LIMIT || f.unlisted ? h("p", { class: "folded" }, `${list.length} of ${(every.length + f.unlisted).toLocaleString("en")} handles are drawn.`) : "");
  };

  const MOST = 60;
  const renderCalls = () => {
    const first = Math.max(0, Math.min(at, end() - 1) - MOST);
    const shown = story().frames.slice(first, Math.min(at, end() - 1));
    const items = shown.map((f, n) => {
      const number = first + n + 1;
      const button = h("button", { type: "button", "aria-current": number === at ? "step" : null },
        h("span", { class: "actor" }, f.actor), " ", h("code", {}, f.call === f.step ? f.step : `${f.call} \u00b7 ${f.step}`),
        f.answer ? h("span", { class: f.ok ? "answer" : "answer refused" }, ` \u2192 ${f.answer}${f.times > 1 ? `, ${f.times} times` : ""}`) : null,
        f.implicit ? badge("unasked", "not asked for") : null);
      button.addEventListener("click", () => go(number));
      return h("li", { value: String(number) }, button);
    });
    $("calls").replaceChildren(
      first ? h("li", { class: "none", value: String(first) }, `${first} earlier calls are left out here; the slider reaches them.`) : "",
      ...(items.length ? items : [h("li", { class: "none" }, "None yet.")]));
    $("calls").scrollTop = $("calls").scrollHeight;
  };

  const renderEnd = () => {
    const box = $("end");
    box.hidden = at !== end();
    box.className = `end ${story().mark}`;
    box.replaceChildren();
    if (at !== end()) return;
    const given = story().questions.map((q, n) => [q, answers().get(n)]);
    const hits = given.filter(([q, answer]) => q.right.includes(answer)).length;
    const tried = given.filter(([, answer]) => answer !== SKIPPED).length;
    const score = tried
      ? `You foresaw ${hits} of ${given.length}${tried < given.length ? `, and had ${given.length - tried} shown` : ""}.`
      : "You had everything shown; play it again and say first what will happen.";
    const again = h("button", { type: "button" }, "Play it again");
    again.addEventListener("click", () => { answers().clear(); go(0); $("next").focus(); });
    const others = last < 0 ? [] : axes[last].options.map(([name, title]) => [title, choice.map((c, m) => (m === last ? name : c))])
      .filter(([, options]) => storyOf(options) && !answered.has(options.join("/")));
    const tries = others.slice(0, 3).map(([title, options]) => {
      const button = h("button", { type: "button" }, `${axes[last].label}: ${title}`);
      button.addEventListener("click", () => { choice = options; opened = false; go(0); $("next").focus(); });
      return button;
    });
    box.append(
      h("p", { class: "word" }, story().word),
      h("h2", { id: "end-title", tabindex: "-1" }, story().finding),
      ...story().verdict.map((line) => h("p", {}, line)),
      ...story().events.map((line) => h("p", { class: "event" }, h("b", {}, "Event log: "), line)),
      h("div", { class: "score" }, h("p", {}, h("b", {}, score)),
        h("ul", {}, given.map(([q, answer]) => h("li", { class: answer === SKIPPED ? "passed" : q.right.includes(answer) ? "right" : "wrong" },
          `${q.ask} `, h("b", {}, q.right.map((n) => q.options[n]).join(", ")),
          answer === SKIPPED ? " (shown)" : q.right.includes(answer) ? " (foreseen)" : ` (you said: ${q.options[answer]})`)))),
      h("div", { class: "buttons" }, again, tries.length ? h("span", { class: "or" }, "or try") : "", ...tries));
  };

  /* Side by side: the steps of two stories, equal ones on one line. */
  const align = (left, right) => {
    const key = (f) => `${f.actor}\n${f.call}\n${f.step}`;
    const best = Array.from({ length: left.length + 1 }, () => new Uint16Array(right.length + 1));
    for (let i = left.length - 1; i >= 0; i -= 1) {
      for (let j = right.length - 1; j >= 0; j -= 1) {
        best[i][j] = key(left[i]) === key(right[j]) ? best[i + 1][j + 1] + 1 : Math.max(best[i + 1][j], best[i][j + 1]);
      }
    }
    const pairs = [];
    let i = 0, j = 0;
    while (i < left.length || j < right.length) {
      if (i < left.length && j < right.length && key(left[i]) === key(right[j])) pairs.push([left[i++], right[j++]]);
      else if (j >= right.length || (i < left.length && best[i + 1][j] >= best[i][j + 1])) pairs.push([left[i++], null]);
      else pairs.push([null, right[j++]]);
    }
    return pairs;
  };
  let beside = "";
  const renderCompare = () => {
    const box = $("compare");
    const others = last < 0 ? [] : axes[last].options.filter(([name]) =>
      name !== choice[last] && storyOf(choice.map((c, m) => (m === last ? name : c))));
    box.hidden = !others.length;
    if (!others.length) return;
    const at_ = (name) => choice.map((c, m) => (m === last ? name : c));
    if (!others.some(([name]) => name === beside)) {
      beside = (others.find(([name]) => storyOf(at_(name)).mark !== story().mark) || others[0])[0];
    }
    if (!(opened || at === end())) {
      const button = h("button", { type: "button" }, "Show it now: it tells the end");
      button.addEventListener("click", () => { opened = true; renderCompare(); $("beside").focus(); });
      $("compare-choice").replaceChildren(h("p", {}, "The comparison opens once the story is told. "), button);
      $("compare-table").replaceChildren();
      return;
    }
    const held = root.activeElement && root.activeElement.id === "beside";
    $("compare-choice").replaceChildren(select("beside", `${axes[last].label} beside \u201c${choice[last]}\u201d`, others, beside,
      (value) => { beside = value; renderCompare(); }));
    if (held) $("beside").focus();
    const other = storyOf(at_(beside));
    const current = at > 0 && at < end() ? frameAt(at) : null;
    const heads = ["", ""];
    const cell = (f, n, hidden) => {
      if (!f) return h("td", { class: "void" }, h("span", { class: "hidden" }, "no such step"));
      const fresh = heads[n] !== said(f);
      heads[n] = said(f);
      return h("td", {}, fresh ? h("p", { class: "head" }, h("span", { class: "actor" }, f.actor), " ", h("code", {}, f.call)) : null,
        h("p", {}, f.step, f.answer ? h("span", { class: f.ok ? "answer" : "answer refused" }, ` \u2192 ${f.answer}`) : "",
          f.times > 1 ? ` (${f.times} times)` : "", f.open === null ? " \u00b7 not loaded" : ` \u00b7 ${f.open} open`), hidden);
    };
    const body = align(story().frames, other.frames).map(([l, r]) => {
      const kind = !l ? "added" : !r ? "dropped" : l.answer !== r.answer || l.open !== r.open ? "differs" : "";
      const word = { added: `only with ${beside}`, dropped: `only with ${choice[last]}`, differs: "ends differently" }[kind] || "";
      return h("tr", { class: `${kind} ${l && l === current ? "current" : ""}` }, cell(l, 0, word && l ? h("span", { class: "flag" }, word) : null),
        cell(r, 1, word && !l ? h("span", { class: "flag" }, word) : null));
    });
    const verdict = (t) => h("td", { class: t.mark }, h("p", { class: "word" }, t.word), h("p", {}, t.finding));
    $("compare-table").replaceChildren(h("table", { class: "pairs" },
      h("caption", {}, "Equal steps share a line; marked lines are where the two part."),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, choice[last]), h("th", { scope: "col" }, beside))),
      h("tbody", {}, body), h("tfoot", {}, h("tr", {}, verdict(story()), verdict(other)))));
  };

  /* Every system with every fix: how each ends, and a way into it. */
  const renderMatrix = () => {
    $("matrix").hidden = axes.length !== 2;
    if (axes.length !== 2 || !$("matrix").open) return;
    const [down, across] = axes;
    const cell = (options) => {
      const told = storyOf(options);
      if (!told) return h("td", {}, h("span", { class: "none", title: String(runOf(options)) }, "not here"));
      const here = options.join("/") === choice.join("/");
      const button = h("button", { type: "button", class: told.mark, "aria-current": here ? "true" : null, "aria-label": `${told.word}: ${options.join(", ")}` }, told.word);
      button.addEventListener("click", () => {
        pause();
        choice = options;
        opened = false;
        go(0);
        if (page) scrollTo(0, 0);
        $("next").focus();
      });
      return h("td", {}, button);
    };
    $("cells").replaceChildren(h("table", { class: "cells" },
      h("thead", {}, h("tr", {}, h("td", {}), across.options.map(([, title]) => h("th", { scope: "col" }, title)))),
      h("tbody", {}, down.options.map(([name, title]) =>
        h("tr", {}, h("th", { scope: "row" }, title), across.options.map(([fix]) => cell([name, fix])))))));
  };
  $("matrix").addEventListener("toggle", renderMatrix);

  const render = () => {
    renderChoices();
    const told = story();
    $("absent").hidden = !!told;
    $("lab").hidden = !told;
    if (!told) {
      pause();
      $("absent").textContent = String(runOf(choice));
      say(String(runOf(choice)));
    } else {
      [renderCard, renderQuestion, renderFeedback, renderTrack, renderChanged, renderTable, renderGraph,
        renderCalls, renderEnd, renderCompare, renderMatrix].forEach((draw) => draw());
    }
    keep();
  };

  /* Playing: a step a second, until a question, the end, or any other move. */
  const PACE = 1100;
  let timer = 0;
  const pause = () => {
    clearInterval(timer);
    timer = 0;
    $("play").textContent = "Play";
  };
  const play = () => {
    if (at === end()) go(0);
    timer = setInterval(() => {
      go(at + 1);
      if (asking >= 0 || at === end()) pause();
    }, PACE);
    $("play").textContent = "Pause";
  };
  const demand = () => {
    $("question").querySelector(".missing").textContent = "First answer this question, or press \u201cJust show me\u201d.";
    $("question").querySelector("input").focus();
  };
  const toggle = () => {
    if (timer) pause();
    else if (asking >= 0) demand();
    else play();
  };

  $("next").addEventListener("click", () => {
    pause();
    if (asking >= 0) demand();
    else {
      go(at + 1, { focus: true });
      if (at === end()) $("end-title").focus();
    }
  });
  $("play").addEventListener("click", toggle);
  $("back").addEventListener("click", pause);
  $("back").addEventListener("click", () => go(asking >= 0 ? at : at - 1));
  $("back").addEventListener("click", () => { if ($("back").disabled) $("next").focus(); });
  $("slider").addEventListener("input", (event) => { pause(); go(Number(event.target.value)); });
  let drawn = 0;
  new ResizeObserver(() => {
    if ($("graph").clientWidth === drawn || !story()) return;
    drawn = $("graph").clientWidth;
    renderGraph();
  }).observe($("graph"));
  $("choices").addEventListener("submit", (event) => event.preventDefault());
  answerOnEnter($("question"));
  $("question").addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = $("question").querySelector("input:checked");
    if (chosen) resolve(Number(chosen.value));
    else $("question").querySelector(".missing").textContent = "Choose an answer first, or have it shown.";
  });
  root.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.target.closest("input, select, textarea, .scroll")) return;
    if (event.key === "ArrowRight") $("next").click();
    else if (event.key === "ArrowLeft") $("back").click();
    else if (event.key === "Home") { pause(); go(0); }
    else if (event.key === "p") toggle();
    else return;
    event.preventDefault();
  });
  if (page) {
    window.addEventListener("hashchange", follow);
    recall();
    follow();
  } else if (story()) go(0);
  else render();
};
