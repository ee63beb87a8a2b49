"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
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

  /* The data: texts, rows and frames are stored once each and named by number. */
  const data = JSON.parse($("data").textContent);
  const text = (number) => data.texts[number];
  const hex = (number) => "0x" + number.toString(16);
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
  const axes = data.axes.map((axis) => ({ ...axis, name: axis.name, options: axis.options }));
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
    return `Step ${at} of ${total}, ${f.actor}: ${f.call}${f.answer ? `, ${f.step}, ${f.answer}` : ""}`;
  };

  /* The address names the choice and the step, so that a link leads back here. */
  const link = () => {
    const parts = axes.map((axis, n) => [axis.name, choice[n]]);
    return "#" + new URLSearchParams([...parts, ["step", String(at)]]).toString();
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
    const held = document.activeElement && document.activeElement.id;
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
    form.append(
      h("fieldset", {},
        h("legend", {}, h("span", { class: "mark", "aria-hidden": "true" }, "?"), q.ask),
        q.options.map((option, n) => h("label", { class: "option" },
          h("input", { type: "radio", name: "answer", value: String(n) }), h("span", {}, option)))),
      h("div", { class: "buttons" },
        h("button", { type: "submit", class: "strong" }, "Answer, and see"),
        h("button", { type: "button", id: "pass" }, "Just show me")),
      h("p", { class: "missing", role: "alert" }));
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
    const head = { passed: "Shown.", right: "As you said.", wrong: "Not as you said." }[kind];
    const said = answer === SKIPPED ? "" : `You answered: ${q.options[answer]}. `;
    return h("div", { class: `reply ${kind}` }, h("p", {}, h("b", {}, head), " ", h("span", { class: "asked" }, q.ask)),
      h("p", {}, said, h("span", { class: "why" }, q.why)));
  };

  const renderTrack = () => {
    const slider = $("slider");
    slider.max = String(end());
    slider.value = String(at);
    slider.setAttribute("aria-valuetext", spoken());
    slider.style.setProperty("--share", `${(100 * at) / end()}%`);
    $("back").disabled = at === 0 && asking < 0;
    $("next").disabled = at === end();
    const marks = story().questions.map((q, n) => [q.at + 0.5, answers().has(n)]);
    const seen = new Set();
    $("ticks").replaceChildren(...marks.filter(([x]) => !seen.has(x) && seen.add(x)).map(([x, done]) => {
      const tick = h("span", { class: done ? "done" : "" }, done ? "\u2713" : "?");
      tick.style.left = `${(100 * x) / end()}%`;
      return tick;
    }));
  };

  const before = () => (at === end() ? frameAt(at) : at > 1 ? frameAt(at - 1) : null);
  const isNew = (row) => {
    const f = before();
    return !f || !f.rows.some((r) => r.pid === row.pid && r.handle === row.handle && r.key === row.key);
  };
  const refusedBy = () => story().frames.findIndex((f) => f.unload && !f.ok);
  const blocking = (row) => row.blocks && refusedBy() >= 0 && at > refusedBy();
  const state = (row) => (!row.live ? "its key is gone" : blocking(row) ? "blocks the unload"
    : row.implicit ? "nobody asked for it" : "asked for");

  const renderChanged = () => {
    const f = at === end() ? null : frameAt(at);
    const changes = f ? f.changes : [];
    const signs = { opened: "+", unasked: "+", closed: "\u2212", moved: "\u2192", stale: "\u00d7", loaded: "\u25b2", unloaded: "\u25bc" };
    const items = changes.map((c) => h("li", { class: c.kind },
      h("span", { class: "sign", "aria-hidden": "true" }, signs[c.kind] || "\u2022"), h("span", {}, c.text)));
    $("changed").replaceChildren(...(items.length ? items : [h("li", { class: "none" },
      at === 0 ? "Nothing has happened yet." : at === end() ? "The story is over." : "No handle was opened or closed.")]));
  };

  const HEADS = ["Process", "Handle", "Key", "Hive", "State", "Opened by"];
  const renderTable = () => {
    const f = frameAt(at);
    const list = f ? f.rows : [];
    if (!list.length) {
      $("table").replaceChildren(h("p", { class: "none" }, "No process has a key open."));
      return;
    }
    const line = (row) => {
      const cells = [who(row), hex(row.handle), place(row), row.hive, state(row), row.by];
      const kind = `${blocking(row) ? "blocks" : row.live ? "" : "stale"} ${row.implicit ? "implicit" : ""}`;
      return h("tr", { role: "row", class: kind }, cells.map((cell, n) => h(n ? "td" : "th",
        { role: n ? "cell" : "rowheader", scope: n ? null : "row", "data-head": HEADS[n] },
        n === 0 ? [cell, h("span", { class: "pid" }, ` process ${row.pid}`)] : n === 1 || n === 2 || n === 5 ? h("code", {}, cell) : cell,
        n === 0 && isNew(row) && at > 0 && at < end() ? badge("new", "new") : null)));
    };
    const heads = h("tr", { role: "row" }, HEADS.map((head) => h("th", { role: "columnheader", scope: "col" }, head)));
    $("table").replaceChildren(
      h("table", { role: "table" }, h("caption", {}, `${plural(list.length, "handle")} in all processes after this step`),
        h("thead", { role: "rowgroup" }, heads), h("tbody", { role: "rowgroup" }, list.map(line))),
      f.unlisted ? h("p", { class: "folded" }, `${f.unlisted.toLocaleString("en")} more handles are open; the first ${list.length} are listed.`) : "");
  };

  /* The graph: four columns, from the process over the handle and the key to the hive. */
  const LIMIT = 10;
  const COLUMNS = [[0, 176], [216, 104], [360, 212], [612, 148]];
  const TALL = 40, STEP = 62, WIDE = 760;
  const short = (words, room) => {
    const most = Math.floor(room / 7.4);
    if (words.length <= most) return words;
    const keep = Math.floor((most - 1) / 2);
    return `${words.slice(0, keep)}\u2026${words.slice(-keep)}`;
  };
  const octagon = (x, y, w, t) => {
    const c = 11;
    return `M${x + c} ${y}H${x + w - c}L${x + w} ${y + c}V${y + t - c}L${x + w - c} ${y + t}H${x + c}L${x} ${y + t - c}V${y + c}Z`;
  };
  const node = (column, y, lines, kind, full) => {
    const [x, w] = COLUMNS[column];
    const blocks = kind.includes("blocks");
    const shape = blocks && column === 1
      ? s("path", { d: octagon(x, y, w, TALL) })
      : s("rect", { x, y, width: w, height: TALL, rx: column === 1 ? 20 : column === 3 ? 2 : 8 });
    const hive = column === 3 ? s("path", { class: "lid", d: `M${x + 1} ${y + 7}H${x + w - 1}` }) : null;
    const words = lines.filter(Boolean);
    return s("g", { class: `node ${kind}` }, s("title", {}, full), shape, hive,
      words.map((line, n) => s("text", { x: x + w / 2, y: y + TALL / 2 + 5 + (words.length > 1 ? n * 15 - 8 : 0), class: n ? "small" : "" }, short(line, w - 16))));
  };
  const edge = (from, y1, to, y2, kind) => {
    const x1 = COLUMNS[from][0] + COLUMNS[from][1], x2 = COLUMNS[to][0];
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
    const every = f ? f.rows : [];
    const list = [...every].sort((a, b) => Number(blocking(b)) - Number(blocking(a))).slice(0, LIMIT);
    if (!list.length) {
      $("graph").replaceChildren(h("p", { class: "none" }, "No handle refers to any key."));
      ["role", "tabindex", "aria-label"].forEach((name) => $("graph").removeAttribute(name));
      return;
    }
    const processes = middle(list, (r) => r.pid);
    const keys = middle(list, (r) => (r.live ? "" : "gone ") + r.path + "\\" + r.key);
    const hives = middle(list, (r) => (r.live ? "" : "gone ") + r.path);
    const edges = [], nodes = [];
    const kindOf = (of) => (of.some(blocking) ? "blocks" : of.every((r) => !r.live) ? "stale" : "");
    list.forEach((row, n) => {
      const y = n * STEP, kind = `${kindOf([row])} ${row.implicit ? "implicit" : ""}`;
      const key = keys.get((row.live ? "" : "gone ") + row.path + "\\" + row.key).y;
      edges.push(edge(0, processes.get(row.pid).y, 1, y, kind), edge(1, y, 2, key, kind));
      nodes.push(node(1, y, [hex(row.handle)], kind + (isNew(row) ? " fresh" : ""), `${hex(row.handle)}: ${state(row)}`));
      const word = blocking(row) ? "blocks unload" : !row.live ? "stale" : row.implicit ? "not asked for" : "";
      if (word) nodes.push(s("text", { class: `tag ${kind}`, x: COLUMNS[1][0] + COLUMNS[1][1] / 2, y: y + TALL + 14 }, word));
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
    const heads = ["process", "handle", "key", "hive"].map((head, n) => s("text", { class: "head", x: COLUMNS[n][0] + COLUMNS[n][1] / 2, y: -14 }, head));
    $("graph").replaceChildren(
      s("svg", { viewBox: `-4 -32 ${WIDE + 8} ${tall + 34}`, role: "img", "aria-label": label }, edges, nodes, heads),
      every.length > LIMIT || f.unlisted ? h("p", { class: "folded" }, `${list.length} of ${(every.length + f.unlisted).toLocaleString("en")} handles are drawn.`) : "");
    fill($("graph"), { role: "region", tabindex: "0", "aria-label": "The graph; scroll it sideways where it is cut" }, []);
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
    const held = document.activeElement && document.activeElement.id === "beside";
    $("compare-choice").replaceChildren(select("beside", `${axes[last].label} beside \u201c${choice[last]}\u201d`, others, beside,
      (value) => { beside = value; renderCompare(); }));
    if (held) $("beside").focus();
    const other = storyOf(at_(beside));
    const current = at > 0 && at < end() ? frameAt(at) : null;
    let said = ["", ""];
    const cell = (f, n, hidden) => {
      if (!f) return h("td", { class: "void" }, h("span", { class: "hidden" }, "no such step"));
      const head = `${f.actor}: ${f.call}`;
      const fresh = said[n] !== head;
      said[n] = head;
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

  const render = () => {
    renderChoices();
    const told = story();
    $("absent").hidden = !!told;
    $("lab").hidden = !told;
    if (!told) {
      $("absent").textContent = String(runOf(choice));
      say(String(runOf(choice)));
    } else {
      [renderCard, renderQuestion, renderFeedback, renderTrack, renderChanged, renderTable, renderGraph,
        renderCalls, renderEnd, renderCompare].forEach((draw) => draw());
    }
    history.replaceState(null, "", link());
  };

  $("next").addEventListener("click", () => {
    if (asking >= 0) $("question").querySelector("input").focus();
    else {
      go(at + 1, { focus: true });
      if (at === end()) $("end-title").focus();
    }
  });
  $("back").addEventListener("click", () => go(asking >= 0 ? at : at - 1));
  $("back").addEventListener("click", () => { if ($("back").disabled) $("next").focus(); });
  $("slider").addEventListener("input", (event) => go(Number(event.target.value)));
  $("choices").addEventListener("submit", (event) => event.preventDefault());
  $("question").addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = $("question").querySelector("input:checked");
    if (chosen) resolve(Number(chosen.value));
    else $("question").querySelector(".missing").textContent = "Choose an answer first, or have it shown.";
  });
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.target.closest("input, select, textarea, .scroll")) return;
    if (event.key === "ArrowRight") $("next").click();
    else if (event.key === "ArrowLeft") $("back").click();
    else if (event.key === "Home") go(0);
    else return;
    event.preventDefault();
  });
  window.addEventListener("hashchange", follow);
  follow();
})();
