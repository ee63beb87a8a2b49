
/* A model's states as tables: whose step leads where, and what a claim says of each state. */
const readTables = (data) => {
  const BEYOND = -1;
  const states = data.states;
  const decided = data.decided.map((marks) => new Set(marks));
  const out = data.edges.map((flat) => {
    const found = [];
    for (let n = 0; n < flat.length; n += 2) found.push({ step: flat[n], to: flat[n + 1] });
    return found;
  });
  /* Whether there is nothing beyond the tables. */
  const whole = data.initial === data.initials && out.every((edges) => edges.every((e) => e.to !== BEYOND));
  /* The distance of every state from one, and how near the first is that is not in the tables. */
  const distances = (from) => {
    const steps = new Int32Array(states.length).fill(-1), via = new Array(states.length);
    const queue = [from];
    let beyond = Infinity;
    steps[from] = 0;
    for (let at = 0; at < queue.length; at += 1) {
      const state = queue[at];
      out[state].forEach((edge, choice) => {
        if (edge.to === BEYOND) beyond = Math.min(beyond, steps[state] + 1);
        else if (steps[edge.to] < 0) {
          steps[edge.to] = steps[state] + 1;
          via[edge.to] = [state, choice];
          queue.push(edge.to);
        }
      });
    }
    return { queue, steps, via, beyond };
  };
  /* The shortest way to a state that decides claim number *bit*; null where the tables have none. */
  const way = (found, bit) => {
    const goal = found.queue.find((state) => decided[state].has(bit));
    if (goal === undefined) return null;
    const choices = [];
    for (let state = goal; found.via[state]; [state] = found.via[state]) choices.unshift(found.via[state][1]);
    return choices;
  };
  const number = (bit) => decided.filter((marks) => marks.has(bit)).length;
  return { BEYOND, states, decided, out, whole, distances, way, number };
};

/* The short code of a way, as `regsim check --path` takes it, and back. */
const pathCode = (data, initial, choices) => {
  const head = data.initials > 1 ? `${initial}/` : "";
  const long = choices.some((choice) => choice >= data.digits.length);
  return head + choices.map((choice) => (long ? `${choice}-` : data.digits[choice])).join("");
};
const pathChoices = (data, code) => {
  const [head, rest] = code.includes("/") ? code.split("/") : ["0", code];
  const choices = rest.includes("-") ? rest.split("-").slice(0, -1).map(Number) : [...rest].map((c) => data.digits.indexOf(c));
  return [Number(head), choices];
};

/* Explore *data* in *root*, a document that has the markup of explore.html in it. */
const exploreLab = (root, data) => {
  const $ = (id) => root.getElementById(id);
  const t = readTables(data);
  const steps = data.steps.map(([actor, step, call, answer, bits]) => ({
    actor: data.actors[actor], step, call, answer, ok: !!(bits & 1), unasked: !!(bits & 2),
  }));
  const totals = data.claims.map((claim) => (claim.bit < 0 ? 0 : t.number(claim.bit)));
  const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
  const badge = (kind, words) => h("span", { class: `badge ${kind}` }, words);
  const partOf = (component, state) => data.parts[component][t.states[state][component]];

  /* Where the reader is: the states passed, the choices made, the claim to which a way is shown. */
  let initial = 0, passed = [0], choices = [], wanted = -1, near = null;
  const here = () => passed[passed.length - 1];
  const last = () => (choices.length ? t.out[passed[passed.length - 2]][choices[choices.length - 1]] : null);
  const broken = (state) => data.claims.filter((c) => c.kind === "always" && t.decided[state].has(c.bit));
  const route = () => (wanted < 0 ? null : t.way(near, data.claims[wanted].bit));

  const begin = (number) => { initial = number; passed = [number]; choices = []; };
  const step = (choice) => {
    const edge = t.out[here()][choice];
    if (!edge || edge.to === t.BEYOND) return false;
    passed.push(edge.to);
    choices.push(choice);
    return true;
  };
  const backTo = (count) => { passed.length = count + 1; choices.length = count; };
  const spoken = () => {
    const bad = broken(here()).map((c) => `${c.name} is broken here. `).join("");
    const edge = last();
    return bad + (edge ? `Step ${choices.length}: ${steps[edge.step].actor}, ${steps[edge.step].call}` : "At the beginning");
  };
  const moved = () => {
    render();
    $("live").textContent = spoken();
  };
  const choose = (choice) => {
    const held = $("options").contains(root.activeElement);
    if (!step(choice)) return;
    moved();
    if (held) ($("options").querySelector("button:not(:disabled)") || $("undo")).focus();
  };
  const undo = () => {
    if (choices.length) backTo(choices.length - 1);
    moved();
    if ($("undo").disabled && root.activeElement === $("undo")) $("stage-title").focus();
  };

  /* -- drawing ---------------------------------------------------------------------------- */

  const renderWhere = () => {
    const bad = broken(here());
    $("where").replaceChildren(
      h("p", { class: "count" }, choices.length ? `After ${plural(choices.length, "step")}` : "At the beginning",
        ` \u00b7 state ${(here() + 1).toLocaleString("en")} of ${t.states.length.toLocaleString("en")}${t.whole ? "" : " in this page"}`),
      h("p", { class: "verdicts" }, bad.length
        ? bad.map((c) => badge("refused", `${c.name} is broken here`))
        : badge("quiet", "no claim about a state is broken here")));
    const left = route();
    $("undo").disabled = $("again").disabled = !choices.length;
    $("onward").disabled = !left || !left.length;
    $("onward").setAttribute("aria-label", left && left.length
      ? `Onward to ${data.claims[wanted].name}: ${plural(left.length, "step")} left` : "Onward: no way is shown");
  };
  const did = (s_) => [
    s_.call === s_.step ? "" : h("code", {}, s_.step),
    s_.answer ? h("span", { class: s_.ok ? "answer" : "answer refused" }, `\u2192 ${s_.answer}`) : "",
    s_.unasked ? badge("unasked", "nobody asked for this handle") : null,
  ];
  const renderCard = () => {
    const edge = last();
    const gauges = data.counters.map((name, n) => {
      const count = data.components.reduce((sum, _, c) => sum + ((partOf(c, here()).counts || [])[n] || 0), 0);
      const pips = h("span", { class: "pips", "aria-hidden": "true" });
      for (let m = 0; m < Math.min(count, 12); m += 1) pips.append(h("i"));
      return h("p", { class: "gauge" }, pips, h("b", {}, count.toLocaleString("en")),
        ` ${count === 1 ? name.replace(/^(handle|key)s/, "$1") : name}`);
    });
    if (!edge) {
      $("card").replaceChildren(h("p", { class: "call" }, "Nobody has stepped yet."), ...gauges);
      return;
    }
    const taken = steps[edge.step];
    $("card").replaceChildren(
      h("p", { class: "count" }, `Step ${choices.length}`),
      h("p", { class: "call" }, h("span", { class: "actor" }, taken.actor), " ", h("code", {}, taken.call)),
      h("p", { class: "did" }, did(taken)), ...gauges);
  };
  const renderOptions = () => {
    const onWay = (route() || [])[0];
    const items = t.out[here()].map((edge, n) => {
      const s_ = steps[edge.step];
      const button = h("button", { type: "button", disabled: edge.to === t.BEYOND, class: n === onWay ? "onway" : "" },
        n < 9 ? h("kbd", { "aria-hidden": "true" }, String(n + 1)) : "",
        h("span", {}, h("span", { class: "actor" }, s_.actor), " ", h("code", {}, s_.call),
          h("span", { class: "did" }, did(s_),
            n === onWay ? badge("again", "on the way") : null,
            edge.to === t.BEYOND ? badge("quiet", "leads beyond what is explored here") : null)));
      button.addEventListener("click", () => choose(n));
      return h("li", {}, button);
    });
    $("options").replaceChildren(...(items.length ? items : [h("li", { class: "none" }, "Nobody can step here: the run has ended.")]));
  };

  const NOWHERE = "what lies beyond is not explored here";
  const overall = (claim, n) => {
    const all = `${t.whole ? "all " : "the "}${plural(t.states.length, "state")}${t.whole ? "" : " in this page"}`;
    if (claim.bit < 0) return "It is about what comes, so no one state decides it; regsim check answers it.";
    const word = claim.kind === "always" ? "Broken" : "So";
    if (totals[n]) return `${word} in ${totals[n].toLocaleString("en")} of ${all}.`;
    const end = claim.kind === "always" ? "it holds" : "it can never be";
    return `${word} in none of ${all}${t.whole ? `: ${end}.` : `; ${NOWHERE}.`}`;
  };
  const fromHere = (claim, n) => {
    if (claim.bit < 0 || (t.whole && !totals[n]) || t.decided[here()].has(claim.bit)) return null;
    const found = t.way(near, claim.bit);
    if (!found) {
      const open = Number.isFinite(near.beyond);
      return h("p", { class: "folded" }, open
        ? `None of what is explored here leads there from here; ${NOWHERE}.` : "No way leads there from here.");
    }
    const maybe = near.beyond < found.length ? " in this page; beyond it there may be a shorter way" : "";
    const button = h("button", { type: "button", "aria-pressed": wanted === n ? "true" : "false" },
      wanted === n ? "Hide the way" : "Show the shortest way");
    button.addEventListener("click", () => {
      wanted = wanted === n ? -1 : n;
      moved();
      $("claims").querySelectorAll("li")[n].querySelector("button").focus();
    });
    return h("p", { class: "from" }, `${plural(found.length, "step")} from here${maybe}. `, button);
  };
  const renderClaims = () => {
    $("claims").replaceChildren(...data.claims.map((claim, n) => {
      const so = claim.bit >= 0 && t.decided[here()].has(claim.bit);
      const words = { always: so ? "broken here" : "not broken here", sometimes: so ? "so here" : "not so here" }[claim.kind] || "about what comes";
      const kind = claim.kind === "always" && so ? "bad" : claim.kind === "sometimes" && so ? "good" : "";
      return h("li", { class: `claim ${kind}` },
        h("p", {}, h("b", {}, claim.name), " ", badge(kind === "bad" ? "refused" : kind === "good" ? "shown" : "quiet", words)),
        claim.about ? h("p", {}, claim.about) : "",
        h("p", { class: "folded" }, overall(claim, n)),
        fromHere(claim, n));
    }));
    $("extent").textContent = t.whole
      ? `All ${plural(t.states.length, "state")} of the model are in this page.`
      : `The first ${plural(t.states.length, "state")} of the model are in this page, those nearest to its beginning; there are more, and of those nothing is said.`;
  };

  const HEADS = ["Holder", "Known by", "Key", "Hive", "State"];
  const keysAt = (state) => data.components.flatMap((name, c) =>
    (partOf(c, state).keys || []).map(([known, key, hive, unasked, counts]) => ({ name, known, key, hive, unasked, counts })));
  const renderTable = () => {
    const left = passed.length > 1 ? keysAt(passed[passed.length - 2]).map((row) => JSON.stringify(row)) : [];
    const rows = keysAt(here()).map((row) => {
      const at = left.indexOf(JSON.stringify(row));
      if (at >= 0) left.splice(at, 1);
      return { ...row, fresh: at < 0 && passed.length > 1 };
    });
    const every = [...rows, ...left.map((text) => ({ ...JSON.parse(text), closed: true }))];
    if (!every.length) {
      $("table").replaceChildren(h("p", { class: "none" }, "No process has a key open."));
      return;
    }
    const state = (row) => (row.closed ? "not any more" : !row.hive ? "its key was taken away" : [row.unasked ? "nobody asked for it" : "", row.counts ? "blocks a normal unload" : ""].filter(Boolean).join("; ") || "open");
    const line = (row) => {
      const cells = [row.name, row.known || "forgotten", row.hive ? row.key || "the root" : "\u2013", row.hive || "\u2013", state(row)];
      const kind = row.closed ? "closed" : row.counts ? "blocks" : row.hive ? "" : "stale";
      return h("tr", { role: "row", class: `${kind} ${row.fresh ? "fresh" : ""}` }, cells.map((cell, n) => h(n ? "td" : "th",
        { role: n ? "cell" : "rowheader", scope: n ? null : "row", "data-head": HEADS[n] },
        n === 1 || n === 2 ? h("code", {}, cell) : cell, n === 0 && row.fresh ? badge("new", "new") : null)));
    };
    $("table").replaceChildren(h("table", { role: "table" },
      h("caption", {}, `${plural(rows.length, "handle")} in all processes`),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, HEADS.map((head) => h("th", { role: "columnheader", scope: "col" }, head)))),
      h("tbody", { role: "rowgroup" }, every.map(line))));
    const cut = $("table").scrollHeight > $("table").clientHeight + 1;
    for (const [name, value] of Object.entries({ role: "region", tabindex: "0", "aria-label": "Open handles; scroll down for more" })) {
      if (cut) $("table").setAttribute(name, value);
      else $("table").removeAttribute(name);
    }
  };
  const renderParts = () => {
    const before = passed[passed.length - 2];
    const rows = data.components.map((name, c) => {
      const changed = before !== undefined && t.states[before][c] !== t.states[here()][c];
      const says = partOf(c, here()).says;
      if (!says.length && !changed) return null;
      return h("tr", { class: changed ? "changed" : "" }, h("th", { scope: "row" }, name, changed ? badge("new", "changed") : null),
        h("td", {}, says.join("; ") || "\u2013"));
    });
    $("parts").replaceChildren(h("table", {},
      h("caption", { class: "hidden" }, "The parts of this state"),
      h("thead", { class: "hidden" }, h("tr", {}, h("th", { scope: "col" }, "Part"), h("th", { scope: "col" }, "How it stands"))),
      h("tbody", {}, rows.filter(Boolean))));
  };
  const renderCalls = () => {
    const items = choices.map((choice, n) => {
      const s_ = steps[t.out[passed[n]][choice].step];
      const bad = broken(passed[n + 1]);
      const button = h("button", { type: "button", "aria-current": n + 1 === choices.length ? "step" : null },
        h("span", { class: "actor" }, s_.actor), " ", h("code", {}, s_.call === s_.step ? s_.step : `${s_.call} \u00b7 ${s_.step}`),
        s_.answer ? h("span", { class: s_.ok ? "answer" : "answer refused" }, ` \u2192 ${s_.answer}`) : null,
        bad.map((c) => badge("refused", `${c.name} broken`)));
      button.addEventListener("click", () => { backTo(n + 1); moved(); $("stage-title").focus(); });
      return h("li", {}, button);
    });
    $("calls").replaceChildren(...(items.length ? items : [h("li", { class: "none" }, "None yet.")]));
    $("calls").scrollTop = $("calls").scrollHeight;
    $("replay").textContent = choices.length ? `${data.command} ${pathCode(data, initial, choices)}` : "\u2013";
  };
  const renderChoices = () => {
    $("choices").hidden = data.initial < 2;
    if (data.initial < 2) return;
    const box = h("select", { id: "initial" }, Array.from({ length: data.initial }, (_, n) => h("option", { value: String(n) }, `state ${n}`)));
    box.value = String(initial);
    box.addEventListener("change", () => { begin(Number(box.value)); moved(); $("initial").focus(); });
    $("choices").replaceChildren(h("div", { class: "choice" }, h("label", { for: "initial" }, "Begin in"), box));
  };
  const keep = () => history.replaceState(null, "", `#way=${pathCode(data, initial, choices)}`);
  const render = () => {
    near = t.distances(here());
    [renderChoices, renderWhere, renderCard, renderOptions, renderClaims, renderTable, renderParts, renderCalls, keep].forEach((draw) => draw());
  };

  $("stage-title").setAttribute("tabindex", "-1");
  $("undo").addEventListener("click", undo);
  $("again").addEventListener("click", () => { begin(initial); moved(); $("stage-title").focus(); });
  $("onward").addEventListener("click", () => {
    const left = route();
    if (!left || !left.length) return;
    step(left[0]);
    moved();
    if ($("onward").disabled) $("stage-title").focus();
  });
  $("choices").addEventListener("submit", (event) => event.preventDefault());
  root.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.target.closest("input, select, textarea, .scroll")) return;
    if (event.key === "ArrowRight") $("onward").click();
    else if (event.key === "ArrowLeft") undo();
    else if (event.key === "Home") { begin(initial); moved(); }
    else if (/^[1-9]$/.test(event.key)) choose(Number(event.key) - 1);
    else return;
    event.preventDefault();
  });
  const follow = () => {
    const [number, asked] = pathChoices(data, new URLSearchParams(location.hash.slice(1)).get("way") || "");
    begin(number < data.initial ? number : 0);
    asked.every(step);
    moved();
  };
  window.addEventListener("hashchange", follow);
  $("lab").hidden = false;
  follow();
};
