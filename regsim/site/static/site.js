/* The playground; it stands below the lab's script, whose h() makes elements, never parsed. */
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const OWN = { name: "", title: "Your own service", story: data.own.story, goal: "", broken: data.own.text, hints: [], solution: "" };
  const exercises = data.exercises.map((sheet) => ({ name: sheet.name, title: sheet.title, story: "", goal: "", broken: "", hints: [], solution: "", sheet }));
  const works = [OWN, ...data.challenges, ...exercises];
  const texts = new Map(), sent = new Set();
  let work = null, system = "", shown = 0;

  /* The score: on this device only, and where nothing can be kept, for as long as the page is open. */
  const KEY = "regsim-solved";
  const solved = new Set();
  try { JSON.parse(localStorage.getItem(KEY) || "[]").forEach((name) => solved.add(name)); } catch { /* nothing was kept */ }
  const keep = () => {
    try {
      if (solved.size) localStorage.setItem(KEY, JSON.stringify([...solved]));
      else localStorage.removeItem(KEY);
    } catch { /* it lasts as long as the page */ }
  };
  const renderScore = () => {
    const forget = h("button", { type: "button" }, "Forget it");
    forget.addEventListener("click", () => { solved.clear(); keep(); renderScore(); renderChoices(); });
    $("score").replaceChildren(`${solved.size} of ${data.challenges.length} solved; kept on this device only. `, ...(solved.size ? [forget] : []));
  };

  /* What is worked on. */
  const select = (id, label, options, value, change) => {
    const box = h("select", { id }, options.map(([name, title]) => h("option", { value: name }, title)));
    box.value = value;
    box.addEventListener("change", () => change(box.value));
    return h("div", { class: "choice" }, h("label", { for: id }, label), box);
  };
  const renderChoices = () => {
    const held = document.activeElement && document.activeElement.id;
    const listed = works.map((each, n) => [each.name, each.sheet ? `${each.name.toUpperCase()}. ${each.title}` : n ? `${solved.has(each.name) ? "\u2713 " : ""}${n}. ${each.title}` : each.title]);
    $("choices").replaceChildren(
      select("work", "Work on", listed, work.name, (name) => take(works.find((each) => each.name === name))),
      select("system", "System", [["", "as the text says"], ...data.systems], system, (name) => { system = name; }));
    $("system").disabled = !!work.goal;
    if (held === "work" || held === "system") $(held).focus();
  };
  const take = (next) => {
    halt();
    if (work) texts.set(work.name, $("text").value);
    work = next;
    shown = 0;
    write(texts.get(work.name) ?? work.broken);
    $("shared").hidden = !sent.has(work.name);
    $("fix").hidden = !!work.settings;
    $("text-title").textContent = work.sheet ? "An exercise of the course" : work.title;
    $("story").textContent = work.story;
    $("goal").textContent = `The goal: ${work.goal}`;
    $("goal").hidden = $("judge").hidden = !work.goal;
    history.replaceState(null, "", work.name ? `#work=${work.name}` : "#");
    clear();
    renderChoices();
    renderHints();
    $("play").classList.toggle("asks", !!work.sheet);
    $("exercise").replaceChildren();
    if (work.sheet) askExercise($("exercise"), work.sheet, (question, given) => new Promise((done) => { ask("reply", { exercise: work.name, question, given }, done); }));
  };
  const renderHints = () => {
    const all = work.solution ? [...work.hints, h("pre", { tabindex: "0" }, work.solution)] : [];
    $("hints").replaceChildren(...all.slice(0, shown).map((hint) => h("li", {}, hint)));
    $("hint").hidden = shown >= all.length;
    $("hint").textContent = shown + 1 === all.length ? "Show a solution" : `Show hint ${shown + 1} of ${all.length - 1}`;
  };
  $("hint").addEventListener("click", () => { shown += 1; renderHints(); if ($("hint").hidden) $("again").focus(); });
  $("again").addEventListener("click", () => { sent.delete(work.name); $("shared").hidden = true; write(work.broken); clear(); });

  /* The text, and its lines. */
  const area = $("text");
  const number = (wrong) => {
    const count = area.value.split("\n").length;
    $("lines").replaceChildren(...Array.from({ length: count }, (_, n) => (n + 1 === wrong ? h("b", {}, `${n + 1}`) : `${n + 1}`))
      .flatMap((line, n) => (n ? ["\n", line] : [line])));
    $("lines").scrollTop = area.scrollTop;
  };
  const write = (text) => { area.value = text; area.scrollTop = 0; number(); };
  const insert = (text) => document.execCommand("insertText", false, text);
  area.addEventListener("input", () => number());
  area.addEventListener("scroll", () => { $("lines").scrollTop = area.scrollTop; });
  area.addEventListener("keydown", (event) => {
    if (event.isComposing || event.altKey) return;
    const before = area.value.slice(0, area.selectionStart);
    const line = before.slice(before.lastIndexOf("\n") + 1);
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) ask(work.goal ? "judge" : "check");
    else if (event.key === "Enter") insert(`\n${line.match(/^ */)[0]}${/:\s*$/.test(line) ? "    " : ""}`);
    else if (event.key === "Backspace" && area.selectionStart === area.selectionEnd && /^( {4})+$/.test(line)) {
      area.setSelectionRange(area.selectionStart - 4, area.selectionStart);
      document.execCommand("delete");
    } else return;
    event.preventDefault();
  });

  /* A link has the text in its fragment, which no server is sent; it is shown, and run by nobody
     but the reader. */
  const encode = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const decode = (code) => new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(atob(code.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0)));
  $("link").addEventListener("click", async () => {
    const parts = new URLSearchParams({ work: work.name, system, text: encode(area.value) });
    history.replaceState(null, "", `#${parts}`);
    try {
      await navigator.clipboard.writeText(location.href);
      say("The link is copied. It holds the text itself.");
    } catch { say("The address of this page is the link now. It holds the text itself."); }
  });
  const follow = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    const text = asked.get("text");
    const link = location.hash;
    take(works.find((each) => each.name === asked.get("work")) || OWN);
    system = data.systems.some(([name]) => name === asked.get("system")) ? asked.get("system") : "";
    renderChoices();
    if (!text) return;
    try {
      write(decode(text));
      sent.add(work.name);
      $("shared").hidden = false;
    } catch { fail("The text of the link cannot be read: it was cut off or changed on its way."); }
    history.replaceState(null, "", link);
  };

  /* The simulator: a worker that can be ended, and is then begun anew. */
  let worker = null, ready = false, asked = null, done = null, began = 0, timer = 0;
  const policy = window.trustedTypes
    ? trustedTypes.createPolicy("regsim", { createScriptURL: (url) => url })
    : { createScriptURL: (url) => url };
  const boot = () => {
    ready = false;
    const address = URL.createObjectURL(new Blob([data.worker], { type: "text/javascript" }));
    const mine = new Worker(policy.createScriptURL(address), { type: "module" });
    worker = mine;
    worker.addEventListener("message", ({ data: told }) => { if (mine === worker) hear(told); });
    worker.addEventListener("error", () => { if (mine === worker) hear({ broken: "the simulator could not be started" }); });
    worker.postMessage({ base: new URL(".", location.href.split("#")[0]).href, wheels: data.wheels });
  };
  const hear = (told) => {
    if (told.ready) {
      ready = true;
      document.body.dataset.ready = "yes";
      if (asked) send();
      else say("Ready.");
    } else if (told.states) tell(`${told.states.toLocaleString("en")} states`);
    else if (told.broken && !ready) stand_in(`The simulator cannot run in this browser (${told.broken}).`);
    else if (told.broken) finish(() => fail(`The simulator failed: ${told.broken}`));
    else finish(() => done(told.answer));
  };
  const ask = (what, more = { text: area.value, os: work.goal ? "" : system, challenge: work.name }, then = (found) => show(found, more.challenge)) => {
    if (asked) return;
    asked = { do: what, ...more };
    done = then;
    clear();
    began = performance.now();
    $("stop").hidden = false;
    for (const id of ["run", "check", "fix", "judge"]) $(id).disabled = true;
    if (document.activeElement.closest(".buttons")) $("stop").focus();
    timer = setInterval(() => tell(), 1000);
    tell();
    if (ready) send();
  };
  const send = () => worker.postMessage(asked);
  let states = "";
  const tell = (now) => {
    states = now || states;
    const seconds = Math.round((performance.now() - began) / 1000);
    if (asked) say(`${ready ? "At work" : "Starting the simulator"}${states ? `, ${states}` : ""}${seconds ? `, ${seconds} s` : ""}`);
  };
  const finish = (then) => {
    const back = asked && $(asked.do);
    const held = document.activeElement === $("stop");
    clearInterval(timer);
    asked = null;
    states = "";
    for (const id of ["run", "check", "fix", "judge"]) $(id).disabled = false;
    $("stop").hidden = true;
    if (held && back) back.focus();
    say("");
    then();
  };
  /* What is asked is given up: its answer is about what is worked on no more. */
  const halt = () => {
    if (!asked) return;
    const { exercise } = asked;
    worker.terminate();
    finish(() => (exercise ? done({ error: "Stopped. Answer again." }) : null));
    boot();
    say("Stopped. The simulator starts anew.");
  };
  $("stop").addEventListener("click", halt);
  for (const id of ["run", "check", "fix", "judge"]) $(id).addEventListener("click", () => ask(id));

  /* What came out. */
  const say = (words, kind = "") => { $("status").textContent = words; $("status").className = `status ${kind}`; };
  const fail = (words, line) => {
    say("");
    $("error").textContent = words;
    number(line);
    if (line) area.scrollTop = Math.max(0, line - 6) * parseFloat(getComputedStyle(area).lineHeight);
  };
  let address = "";
  const clear = () => {
    say(ready || asked ? "" : "Starting the simulator");
    $("error").textContent = "";
    number();
    $("claims").replaceChildren();
    $("fixes").replaceChildren();
    $("steps").hidden = $("keep").hidden = true;
    $("steps").replaceChildren();
    $("idle").hidden = false;
    if (address) URL.revokeObjectURL(address);
    address = "";
  };
  const show = (found, challenge) => {
    if (found.error) return fail(found.error, found.line);
    const bad = found.solved === false || found.claims.some((claim) => claim.bad);
    say(found.title, bad ? "bad" : "good");
    $("idle").hidden = true;
    const [broken, others] = [true, false].map((kind) => found.claims.filter((claim) => claim.bad === kind));
    $("claims").replaceChildren(...(broken.length ? [claimsTable(broken)] : []), ...(others.length ? [h("details", {},
      h("summary", {}, broken.length ? `What of the rest (${others.length})` : `What was asked (${others.length})`), claimsTable(others))] : []));
    $("fixes").replaceChildren(...(found.fixes || []).map(fixBox));
    if (found.page) {
      address = URL.createObjectURL(new Blob([found.page], { type: "text/html" }));
      $("page").href = address;
      $("steps").hidden = $("keep").hidden = false;
      play(found.steps);
    }
    if (found.solved) {
      solved.add(challenge);
      keep();
      renderScore();
      renderChoices();
    }
    return null;
  };
  const fixBox = (fix) => {
    const box = h("section", { class: "fix" }, h("h3", {}, fix.says), h("p", {}, fix.proved));
    if (!fix.patch) return box;
    const button = h("button", { type: "button" }, "Take it into the text");
    button.addEventListener("click", () => {
      const text = patched(area.value, fix.patch);
      if (text === null) return say("The text has changed since; look for fixes again.", "bad");
      write(text);
      area.focus();
      return say("Taken. Check it, or go on from here.");
    });
    box.append(h("pre", { tabindex: "0" }, fix.patch), button);
    return box;
  };
  /* The text with the hunks of a unified diff; null where it does not have the lines they name. */
  const patched = (text, patch) => {
    const old = text.split("\n"), made = [];
    let at = 0;
    for (const line of patch.split("\n").slice(2)) {
      const hunk = line.match(/^@@ -(\d+)/);
      if (hunk) while (at < Number(hunk[1]) - 1) made.push(old[at++]);
      else if (line[0] === "+") made.push(line.slice(1));
      else if (line && line[0] !== "\\") {
        if (old[at] !== line.slice(1)) return null;
        if (line[0] === " ") made.push(old[at]);
        at += 1;
      }
    }
    return [...made, ...old.slice(at)].join("\n");
  };
  /* The lab's own script plays the steps, in a root of its own so that no name meets the page's. */
  const play = (steps) => {
    const host = h("div", {});
    $("steps").append(host);
    const root = host.attachShadow({ mode: "open" });
    root.append(h("style", {}, document.querySelector("style").textContent), $("stepper").content.cloneNode(true));
    playLab(root, steps);
  };
  const claimsTable = (claims) => h("table", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Claim"), h("th", { scope: "col" }, "Verdict"))),
    h("tbody", {}, claims.map((claim) => h("tr", { class: claim.bad ? "bad" : "" },
      h("th", { scope: "row" }, claim.name, h("span", {}, claim.about)), h("td", {}, claim.word)))));

  /* Where the simulator cannot run, the stories below stand in. */
  const stand_in = (why) => {
    $("play").hidden = $("choices").hidden = true;
    $("absent").hidden = false;
    $("absent").textContent = `${why} The stories below are pages of their own and play anywhere.`;
  };
  renderScore();
  if (!location.protocol.startsWith("http")) stand_in("The playground runs where this folder is served over http: regsim site --serve does so.");
  else if (typeof WebAssembly !== "object") stand_in("The playground needs WebAssembly, which is off in this browser.");
  else {
    $("play").hidden = $("choices").hidden = false;
    follow();
    window.addEventListener("hashchange", follow);
    boot();
  }
})();
