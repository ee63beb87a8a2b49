"use strict";
// Counts the page's facts again for what the filters leave. All texts are written as text.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  if (!data.facts) return; // more than a page can hold: the tables stand as they are
  const at = (id) => document.getElementById(id);
  const { names, facts } = data;
  const shown = data.rows;

  const cell = (row, text, kind) => {
    const made = row.insertCell();
    made.textContent = text;
    if (kind) made.className = kind;
  };
  const fill = (id, rows) => {
    const body = at(id).tBodies[0];
    body.replaceChildren();
    for (const cells of rows.slice(0, shown)) {
      const row = body.insertRow();
      for (const [text, kind] of cells) cell(row, text, kind);
    }
    if (!rows.length) cell(body.insertRow(), "nothing", "");
  };
  const count = (n) => [n.toLocaleString("en-US"), "n"];
  const grouped = (kept, by, of) => {
    const groups = new Map();
    for (const fact of kept) {
      const key = fact[by];
      if (!groups.has(key)) groups.set(key, new Map());
      const inner = groups.get(key);
      if (!inner.has(fact[of])) inner.set(fact[of], new Set());
      inner.get(fact[of]).add(fact[1]);
    }
    return groups;
  };
  const hostsOf = (inner) => {
    const all = new Set();
    for (const hosts of inner.values()) for (const host of hosts) all.add(host);
    return all.size;
  };
  const top = (inner) => [...inner.entries()]
    .sort((a, b) => b[1].size - a[1].size || a[0] - b[0])
    .slice(0, 3)
    .map(([holder, hosts]) => `${names.holders[holder]} (${hosts.size.toLocaleString("en-US")})`)
    .join(", ");

  const update = () => {
    const text = at("text").value.trim().toLowerCase();
    const week = at("week").value, system = at("system").value;
    const kept = facts.filter(([holder, host, w, s]) =>
      (week === "" || w === Number(week)) && (system === "" || s === Number(system)) &&
      (text === "" || names.holders[holder].toLowerCase().includes(text) ||
        names.hosts[host].toLowerCase().includes(text)));
    const everything = text === "" && week === "" && system === "";
    const holders = new Map(), hosts = new Map();
    for (const [holder, host] of kept) {
      if (!holders.has(holder)) holders.set(holder, new Set());
      holders.get(holder).add(host);
      if (!hosts.has(host)) hosts.set(host, new Set());
      hosts.get(host).add(holder);
    }
    fill("holders", [...holders.entries()]
      .sort((a, b) => b[1].size - a[1].size || a[0] - b[0])
      .map(([holder, on]) => {
        const [hives, first, last, proven, like] = data.holders[holder];
        return [[names.holders[holder]], count(on.size), everything ? count(hives) : ["", "n"],
          [everything ? first : "", "t"], [everything ? last : "", "t"],
          [everything ? proven : ""], [everything ? like : ""]];
      }));
    for (const [id, by] of [["weeks", 2], ["systems", 3]]) {
      const groups = grouped(kept, by, 0);
      const label = id === "weeks" ? names.weeks : names.systems;
      const rows = [...groups.entries()]
        .sort((a, b) => id === "weeks" ? b[0] - a[0] : hostsOf(b[1]) - hostsOf(a[1]) || a[0] - b[0])
        .map(([key, inner]) => [[label[key]], count(hostsOf(inner)), [top(inner)]]);
      fill(id, rows);
    }
    fill("hosts", [...hosts.entries()]
      .sort((a, b) => data.hosts[b[0]][0] - data.hosts[a[0]][0] || b[1].size - a[1].size || a[0] - b[0])
      .map(([host, by]) => [[names.hosts[host]], everything ? count(data.hosts[host][0]) : ["", "n"],
        [[...by].sort((a, b) => a - b).slice(0, 5).map((one) => names.holders[one]).join(", ") +
          (by.size > 5 ? `, and ${by.size - 5} more` : "")],
        [everything ? data.hosts[host][1] : "", "t"]]));
    at("count").value = `${hosts.size.toLocaleString("en-US")} hosts, ` +
      `${holders.size.toLocaleString("en-US")} holders`;
  };

  for (const [id, list] of [["week", names.weeks], ["system", names.systems]]) {
    list.forEach((name, n) => at(id).add(new Option(name, String(n))));
  }
  at("filters").hidden = false;
  at("filters").addEventListener("input", update);
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  update();
})();
