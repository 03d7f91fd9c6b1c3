// The status page: asks /status each second and shows what it says.
//
// Every name is set as text, never as markup. Elements are made once and changed afterwards, so
// that focus, selection and scrolling stay where they are.
"use strict";

const EVERY_MS = 1000;
const EVERY_HIDDEN_MS = 10000;
const PATIENCE_MS = 5000;
const LARGE = 12; // From so many members of a tier on, the quiet ones are folded away.
const FORM = 1;

const WORDS = { closed: "closed", returning: "returning", half_open: "half-open", probing: "probing", open: "open" };
const CAUSES = {
  throttled: "throttled", refused: "refused our credential", server_error: "server error",
  bad_start: "began with an error", no_answer: "no answer", broken: "broke off", failed: "failed",
};

const byId = (id) => document.getElementById(id);
const models = new Map();
let failoverRows = [];
let last = null; // The last report, and when it came by the browser's own clock.
let lostSince = null;
let timer = 0;

function make(tag, attributes, ...children) {
  const svg = tag === "svg" || tag === "path" || tag === "line";
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Sets text only where it differs: a screen reader and a selection are left in peace.
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const number = (n) => n.toLocaleString("en-US");
const tokens = (n) => n === null ? "unknown" : n < 10000 ? number(n) : n < 1e6 ? `${(n / 1e3).toFixed(1)} k` : n < 1e9 ? `${(n / 1e6).toFixed(1)} M` : `${(n / 1e9).toFixed(1)} G`;
const percent = (share) => `${Math.round(share * 100)} %`;
const plural = (n, one, many) => `${number(n)} ${n === 1 ? one : many}`;

function span(ms) {
  const s = Math.ceil(Math.max(0, ms) / 1000);
  if (s < 60) return `${s} s`;
  if (s < 3600) return s % 60 === 0 ? `${s / 60} min` : `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
}

function clock(ms) {
  const time = new Date(ms);
  const two = (n) => String(n).padStart(2, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

// What is said of a newer configuration that the gateway has not taken.
function refused(what) {
  if (!what) return "";
  const where = what.places.length > 0 ? `: ${what.places.join(", ")}` : "";
  return ` A newer one was refused ${span(gatewayNow() - what.at_ms)} ago, with ${plural(what.problems, "problem", "problems")}${where}.`;
}

// The gateway's clock, as far as it has gone on since its last report.
const gatewayNow = () => last.report.now_ms + (performance.now() - last.at);

const isQuiet = (m) => m.state === "closed" && m.throttled + m.failed + m.refused === 0;

function cell(label, kind) {
  return make("td", { class: kind || "", ...(label ? { "data-label": label } : {}) });
}

function makeMember() {
  const parts = { name: make("span", { class: "name" }), also: make("span", { class: "also" }) };
  parts.word = make("span", {});
  parts.state = make("span", { class: "state" }, make("span", { class: "shape", "aria-hidden": "true" }), parts.word);
  parts.why = make("span", { class: "also" });
  parts.share = make("span", {});
  parts.fill = make("span", { class: "fill" });
  parts.next = cell("Next share", "n");
  parts.answered = cell("Answered", "n");
  parts.throttled = cell("429", "n");
  parts.failed = cell("Failed", "n");
  parts.prompt = make("span", {});
  parts.completion = make("span", { class: "also" });
  parts.path = make("path", {});
  parts.spark = make("svg", { class: "spark", viewBox: "0 0 120 24", preserveAspectRatio: "none", role: "img" },
    make("line", { x1: "0", y1: "23.5", x2: "120", y2: "23.5" }), parts.path);
  const name = make("td", { class: "half" });
  name.append(parts.name, parts.also);
  const state = make("td", { class: "half right" });
  state.append(parts.state, parts.why);
  const share = cell("Share of answers", "wide");
  share.append(make("span", { class: "meter" }, parts.share, make("span", { class: "track", "aria-hidden": "true" }, parts.fill)));
  const used = cell("Tokens in, out", "n");
  used.append(parts.prompt, parts.completion);
  const time = make("td", { class: "wide" });
  time.append(parts.spark);
  parts.row = make("tr", { class: "member" }, name, state, share, parts.next, parts.answered, parts.throttled, parts.failed, used, time);
  return parts;
}

function showState(parts, member) {
  const word = WORDS[member.state] || member.state;
  parts.state.dataset.state = member.state;
  const left = member.until_ms === null ? null : member.until_ms - gatewayNow();
  const cause = CAUSES[member.cause] || "";
  let more = "";
  if (member.state === "open") {
    say(parts.word, left > 0 ? `${word}, ${span(left)}` : `${word}, ending`);
    more = member.opened_by ? `${cause}, by a request of ${member.opened_by}` : cause;
  } else {
    say(parts.word, word);
    if (member.state === "returning") more = `gets ${percent(member.returning)} of its share`;
    else if (member.state === "half_open") more = "waits for a request";
    else if (member.state === "probing") more = "waits for the answer";
    else if (member.last_fault) {
      const fault = member.last_fault;
      more = `${CAUSES[fault.cause] || fault.cause} ${span(gatewayNow() - fault.at_ms)} ago`;
    }
  }
  say(parts.why, more);
}

function showMember(parts, member, model) {
  say(parts.name, member.backend);
  const also = [`weight ${member.weight}`];
  if (member.deployment !== model.name) also.push(`as ${member.deployment}`);
  if (member.headroom !== null) also.push(`${percent(member.headroom)} headroom`);
  say(parts.also, also.join(", "));
  showState(parts, member);
  const share = model.total > 0 ? member.answered / model.total : 0;
  say(parts.share, model.total > 0 ? percent(share) : "–");
  parts.fill.style.width = `${share * 100}%`;
  say(parts.next, percent(member.next_share));
  say(parts.answered, number(member.answered));
  say(parts.throttled, number(member.throttled));
  say(parts.failed, number(member.failed + member.refused));
  const used = member.tokens;
  const unknown = used.prompt === null && used.completion === null;
  say(parts.prompt, unknown ? (member.answered > 0 ? "unknown" : "–") : tokens(used.prompt));
  say(parts.completion, unknown ? "" : tokens(used.completion));
  drawSpark(parts, member.timeline, model.most);
}

function drawSpark(parts, timeline, most) {
  const width = 120 / timeline.length;
  let path = "";
  timeline.forEach((count, at) => {
    if (count === 0) return;
    const height = Math.max(1.5, count / most * 23);
    path += `M${(at * width).toFixed(2)} ${(24 - height).toFixed(2)}h${(width - 0.6).toFixed(2)}v${height.toFixed(2)}h-${(width - 0.6).toFixed(2)}z`;
  });
  if (parts.drawn === path) return;
  parts.drawn = path;
  parts.path.setAttribute("d", path);
  const sum = timeline.reduce((a, b) => a + b, 0);
  parts.spark.setAttribute("aria-label", sum === 0 ? "no answers" : `answers over time, ${number(sum)} in all, ${number(timeline[timeline.length - 1])} in the slice that runs`);
}

function makeModel(name) {
  const heads = [["Backend"], ["State"], ["Share of answers"], ["Next share", "n"], ["Answered", "n"], ["429", "n"], ["Failed", "n"], ["Tokens in, out", "n"], ["Answers over time"]];
  const columns = ["c-name", "c-state", "c-share", "c-next", "c-num", "c-num", "c-num", "c-tok", "c-time"];
  const shown = { tiers: new Map(), unfolded: false, title: make("h2", {}, name), counts: make("p", {}) };
  const head = make("tr", {}, ...heads.map(([text, kind]) => make("th", { scope: "col", class: kind || "" }, text)));
  shown.table = make("table", { class: "pool", "aria-label": `Pool of ${name}` },
    make("colgroup", {}, ...columns.map((kind) => make("col", { class: kind }))), make("thead", {}, head));
  shown.more = make("button", { class: "more", type: "button" });
  shown.more.addEventListener("click", () => {
    shown.unfolded = !shown.unfolded;
    if (last) show(last.report);
  });
  shown.card = make("article", { class: "card" }, make("header", {}, shown.title, shown.counts), shown.table, shown.more);
  return shown;
}

function showTier(shown, tier, model) {
  let body = shown.tiers.get(tier.priority);
  if (!body) {
    const label = make("th", { scope: "rowgroup", colspan: "9" });
    body = { body: make("tbody", {}, make("tr", { class: "tier" }, label)), label, members: new Map() };
    shown.tiers.set(tier.priority, body);
  }
  const takes = tier.members.reduce((sum, m) => sum + m.next_share, 0);
  const count = tier.members.length > 1 ? `, ${tier.members.length} backends` : "";
  say(body.label, `Priority ${tier.priority}${count}: ${takes > 0 ? `gets ${percent(takes)} of the next requests` : "gets no request now"}`);
  const folds = tier.members.length > LARGE && !shown.unfolded;
  let folded = 0;
  const seen = new Set();
  for (const member of tier.members) {
    seen.add(member.backend);
    let parts = body.members.get(member.backend);
    if (!parts) {
      parts = makeMember();
      body.members.set(member.backend, parts);
    }
    const hides = folds && isQuiet(member);
    folded += hides ? 1 : 0;
    parts.member = member;
    parts.row.hidden = hides;
    if (!hides) {
      showMember(parts, member, model);
      if (parts.row.parentNode !== body.body) body.body.append(parts.row);
    }
  }
  for (const [name, parts] of body.members) {
    if (!seen.has(name)) {
      parts.row.remove();
      body.members.delete(name);
    }
  }
  return folded;
}

function showModel(model, place) {
  let shown = models.get(model.name);
  if (!shown) {
    shown = makeModel(model.name);
    models.set(model.name, shown);
  }
  const members = model.tiers.flatMap((tier) => tier.members);
  model.total = members.reduce((sum, m) => sum + m.answered, 0);
  model.most = Math.max(1, ...members.map((m) => Math.max(...m.timeline)));
  const used = model.tokens;
  const unknown = used.prompt === null && used.completion === null;
  const all = unknown ? "tokens unknown" : `${tokens((used.prompt || 0) + (used.completion || 0))} tokens`;
  say(shown.counts, `${plural(model.requests, "request", "requests")}, ${number(model.answered)} answered, ${plural(model.failovers, "failover", "failovers")}, ${all}`);
  const priorities = new Set(model.tiers.map((tier) => tier.priority));
  for (const [priority, body] of shown.tiers) {
    if (!priorities.has(priority)) {
      body.body.remove();
      shown.tiers.delete(priority);
    }
  }
  const folded = model.tiers.reduce((sum, tier) => sum + showTier(shown, tier, model), 0);
  model.tiers.forEach((tier, at) => {
    const body = shown.tiers.get(tier.priority).body;
    const there = shown.table.tBodies[at];
    if (there !== body) shown.table.insertBefore(body, there || null);
  });
  const large = model.tiers.some((tier) => tier.members.length > LARGE);
  shown.more.hidden = !(large && (folded > 0 || shown.unfolded));
  shown.more.setAttribute("aria-expanded", String(shown.unfolded));
  say(shown.more, shown.unfolded ? `Show less of ${model.name}` : `Show ${plural(folded, "more backend", "more backends")} of ${model.name}, all closed and without trouble`);
  const there = place.children[model.at];
  if (there !== shown.card) place.insertBefore(shown.card, there || null);
}

function showFailovers(failovers) {
  const body = byId("failovers");
  byId("no-failovers").hidden = failovers.length > 0;
  byId("failovers-box").hidden = failovers.length === 0;
  while (failoverRows.length < failovers.length) {
    const cells = [0, 1, 2, 3, 4].map(() => make("td", {}));
    const row = make("tr", {}, ...cells);
    failoverRows.push({ row, cells });
    body.append(row);
  }
  failoverRows.forEach(({ row, cells }, at) => {
    const failover = failovers[at];
    row.hidden = !failover;
    if (!failover) return;
    const cause = CAUSES[failover.cause] || failover.cause;
    const texts = [clock(failover.at_ms), failover.model, failover.from, failover.to || "unknown", failover.status === null ? cause : `${cause} (${failover.status})`];
    cells.forEach((cell, n) => say(cell, texts[n]));
  });
}

function showSummary(report) {
  const members = report.models.flatMap((model) => model.tiers.flatMap((tier) => tier.members));
  const counts = Object.keys(WORDS).map((state) => [state, members.filter((m) => m.state === state).length]);
  const others = counts.filter(([state, n]) => state !== "closed" && n > 0).map(([state, n]) => `${n} ${WORDS[state]}`);
  const down = report.models.filter((model) => model.tiers.every((tier) => tier.members.every((m) => m.next_share === 0)));
  const served = plural(report.models.length, "model", "models");
  const all = plural(members.length, "pool member", "pool members");
  let text = `${served}, ${all}: ${others.length === 0 ? "all closed" : [`${counts[0][1]} closed`, ...others].join(", ")}.`;
  if (down.length > 0) text = `No backend may be chosen for ${down.map((model) => model.name).join(", ")}. ${text}`;
  document.title = others.length === 0 ? "Spillway status" : `Spillway: ${others.join(", ")}`;
  say(byId("summary"), text);
  say(byId("version"), report.spillway);
  const workers = report.workers.length;
  const counted = workers === 0 ? "nothing was asked" : `counted by ${plural(workers, "worker", "workers")}`;
  say(byId("about"), `Counts of the last ${span(report.span_ms)}, ${counted}. Configuration ${report.config.digest}, loaded ${span(gatewayNow() - report.config.loaded_ms)} ago.${refused(report.config.refused)}`);
}

function show(report) {
  const place = byId("models");
  report.models.forEach((model, at) => {
    model.at = at;
    showModel(model, place);
  });
  const names = new Set(report.models.map((model) => model.name));
  for (const [name, shown] of models) {
    if (!names.has(name)) {
      shown.card.remove();
      models.delete(name);
    }
  }
  showFailovers(report.failovers);
  showSummary(report);
}

// Between two reports only what follows from the time goes on.
function goOn() {
  if (!last) return;
  for (const shown of models.values()) {
    for (const tier of shown.tiers.values()) {
      for (const parts of tier.members.values()) {
        if (!parts.row.hidden && parts.member) showState(parts, parts.member);
      }
    }
  }
}

function live(is, text) {
  byId("live").dataset.is = is;
  say(byId("live-text"), text);
}

async function poll() {
  clearTimeout(timer);
  const stop = new AbortController();
  const patience = setTimeout(() => stop.abort(), PATIENCE_MS);
  try {
    const answer = await fetch("status", { cache: "no-store", signal: stop.signal });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const report = await answer.json();
    if (report.version !== FORM) throw new Error("the gateway is another version than this page: reload it");
    last = { report, at: performance.now() };
    lostSince = null;
    show(report);
    live("live", `live, ${clock(Date.now())}`);
  } catch (error) {
    lostSince = lostSince || Date.now();
    const why = /version/.test(error.message) ? `: ${error.message}` : "";
    live("lost", `no answer since ${clock(lostSince)}${why}`);
  } finally {
    clearTimeout(patience);
    timer = setTimeout(poll, document.hidden ? EVERY_HIDDEN_MS : EVERY_MS);
  }
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) poll();
});
setInterval(goOn, 250);
poll();
