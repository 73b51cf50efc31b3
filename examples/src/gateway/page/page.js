"use strict";
// Everything shown comes from one document, the one of `GET /status`, pushed over `/status/stream`.
// Text is set with textContent only: names and reasons are data, never markup.

const $ = (id) => document.getElementById(id);
const SPAN = 180; // seconds of the plot
const KINDS = ["good", "failed", "refused"];
const series = []; // what each second brought, the present one last
let second = 0; // which one that is, by this page's clock
let last = null; // the last document
let received = 0; // when it came, by this page's clock
let live = false; // whether more will come

function element(name, attributes, text) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function drawn(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function seconds(ms) {
  if (ms === null || ms === undefined) return "–";
  return ms < 10000 ? (ms / 1000).toFixed(1) + " s" : Math.round(ms / 1000) + " s";
}

// What the counters say, in the kinds that are shown.
function counts(status) {
  const { admitted, refused, failed } = status.counters;
  return { good: Math.max(0, admitted - failed), failed, refused, upstream: status.upstream.requests || 0 };
}

function show(status) {
  const before = last && status.started_at_ms === last.started_at_ms ? counts(last) : null;
  const total = counts(status);
  const now = performance.now();
  tick();
  series.at(-1).state = status.state;
  if (before) {
    const news = {};
    for (const key of Object.keys(total)) news[key] = Math.max(0, total[key] - before[key]);
    record(news, Math.max(received, now - 1000), now);
    animate(news);
  }
  last = status;
  received = now;
  if (!before) plot();
  for (const key of KINDS) $(key).textContent = String(total[key]);
  $("requests").textContent = String(total.upstream);
  $("upstream-legend").hidden = status.upstream.requests === null;

  $("name").textContent = status.name;
  $("page").dataset.state = status.state;
  const forced = status.overlay === "automatic" ? "" : " (" + status.overlay.replaceAll("_", " ") + ")";
  const state = status.state.replace("_", "-") + forced;
  // Only a change, so that a screen reader says it once.
  if ($("state").textContent !== state) $("state").textContent = state;
  document.title = state + " · gateway status";
  const unforced = { closed: "calls go through", open: "calls are refused", half_open: "a few calls are let through to see" };
  $("why").textContent = status.reason || unforced[status.state] || "";
  const recovers = status.state === "half_open" ? "recovery: " + status.recovery : "it closes after " + status.recovery;
  $("recovery").textContent = status.state === "closed" || forced ? "" : recovers;
  $("upstream-box").classList.toggle("sick", status.state !== "closed" || status.failures.counted > 0);

  const { counted, limit, window_ms } = status.failures;
  $("failures").textContent = limit === null ? "no window" : counted + " of the " + limit + " failures within " + seconds(window_ms) + " that trip it";
  $("window-start").textContent = seconds(window_ms) + " ago";
  ladder(status);
  log(status.transitions);
  upstream(status.upstream, status.counters, status.snapshot.counts);
  for (const button of document.querySelectorAll("[data-overlay]")) {
    button.setAttribute("aria-pressed", String(button.dataset.overlay === status.overlay));
  }
  frame();
}

// What came between two documents, shared out over the seconds between them; a document comes at least once a second
// while there is anything new.
function record(news, from, to) {
  for (let back = 0; back < Math.min(3, series.length); back += 1) {
    const start = 1000 * (second - back);
    const share = (Math.min(to, start + 1000) - Math.max(from, start)) / Math.max(1, to - from);
    if (share <= 0) continue;
    const entry = series.at(-1 - back);
    for (const key of Object.keys(news)) entry[key] += share * news[key];
  }
}

// What the gateway knows of the time before this page was here, or while it was not connected.
function recall(seconds) {
  tick();
  series.splice(0, series.length, ...series.slice(0, -1 - seconds.length), ...seconds, series.at(-1));
  series.splice(0, series.length - SPAN - 2);
  last = null;
  plot();
}

// One bar for each level, as high as its cool-down is long, on a scale that shows the short ones, too.
function ladder(status) {
  const steps = status.cool_downs_ms;
  const height = (ms) => 12 + (88 * Math.log(ms / steps[0] + 1)) / Math.log(steps.at(-1) / steps[0] + 1);
  $("level").textContent = String(status.level);
  $("cooldown").textContent = "the next cool-down is " + seconds(status.next_cool_down_ms);
  $("ladder").replaceChildren(...steps.map((ms, level) => {
    const next = level === Math.min(status.level, steps.length - 1);
    const bar = element("li", { title: "level " + level + ": " + seconds(ms), class: level < status.level ? "done" : next ? "next" : "" });
    bar.style.height = height(ms) + "%";
    return bar;
  }));
}

let logged = "";
function log(list) {
  // Rows stay as they are until there is another one: somebody may be reading.
  const newest = JSON.stringify(list.at(-1) || null) + list.length;
  if (list.length === 0 || newest === logged) return;
  logged = newest;
  $("log").replaceChildren(...list.slice().reverse().map(({ at_ms, kind, what, why }) => {
    const row = element("li", { "data-kind": kind });
    row.append(element("time", {}, new Date(at_ms).toLocaleTimeString()), element("b", {}, what));
    if (why) row.append(element("span", { class: "quiet" }, " " + why));
    return row;
  }));
}

function upstream(info, { admitted, refused }, { trips }) {
  const spared = refused + " of " + (admitted + refused) + " (" + Math.round((100 * refused) / Math.max(1, admitted + refused)) + " %)";
  const facts = [["calls that it was spared", spared], ["trips", String(trips)]];
  facts.push(["where", info.built_in ? "built into this gateway" : "elsewhere"]);
  if (info.requests !== null) facts.push(["requests it has received", String(info.requests)]);
  if (info.faults !== null) facts.push(["fault plan", info.faults]);
  $("upstream").replaceChildren(...facts.map(([name, value]) => {
    const group = element("div", value.length > 24 ? { class: "whole" } : {});
    group.append(element("dt", {}, name), element("dd", {}, value));
    return group;
  }));
  $("fault-row").hidden = !info.built_in;
  if (info.built_in && $("plans").children.length === 0) {
    for (const { title, plan } of info.plans) {
      const button = element("button", { type: "button", title: plan }, title);
      button.addEventListener("click", () => operate("faults", { plan }, title));
      $("plans").append(button);
    }
  }
  for (const button of $("plans").children) button.setAttribute("aria-pressed", String(button.textContent === info.plan));
}

// The one number that matters in this state, and what it is.
function figure(left) {
  const { limit, window_ms, ages_ms, counted } = last.failures;
  if (left !== null) return [seconds(left), "until a call is let through"];
  if (last.overlay !== "automatic" || last.state === "open") return ["until told otherwise", ""];
  if (last.state === "half_open") return ["stage " + (last.snapshot.stage + 1), ""];
  if (limit === null) return ["", ""];
  const old = ages_ms.filter((age) => age + performance.now() - received >= window_ms).length;
  return [Math.max(0, counted - old) + " of " + limit, "failures that trip it"];
}

// What changes with the time alone: the countdown, and failures that grow old.
function frame() {
  if (!last) return;
  const passed = performance.now() - received;
  const left = last.remaining_ms === null ? null : Math.max(0, last.remaining_ms - passed);
  const endless = left === null && last.state === "open";
  const [number, label] = figure(left);
  $("countdown").textContent = number;
  $("countdown-label").textContent = label;
  const whole = last.open_for_ms || 0;
  const share = endless ? 100 : left === null || whole === 0 ? 0 : Math.min(100, (100 * left) / whole);
  $("ring").style.strokeDasharray = share + " 100";

  const { ages_ms, limit, window_ms } = last.failures;
  const parts = [drawn("rect", { class: "strip", x: 0, y: 8, width: 480, height: 48, rx: 8 })];
  // As many places at "now" as there may still be failures.
  const young = window_ms === null ? [] : ages_ms.map((age) => age + passed).filter((age) => age < window_ms);
  for (let place = 0; place < Math.min(8, Math.max(0, (limit || 0) - young.length)); place += 1) {
    parts.push(drawn("circle", { class: "slot", cx: 462 - 26 * place, cy: 32, r: 9 }));
  }
  for (const age of young) {
    const old = age / window_ms;
    parts.push(drawn("circle", { class: "failure", cx: 12 + 450 * (1 - old), cy: 32, r: 10 - 4 * old, opacity: 1 - 0.6 * old }));
  }
  $("window").replaceChildren(...parts);
}

// The calls of the last moment as dots on the wire: through, there and back, or turned away at the switch.
const still = matchMedia("(prefers-reduced-motion: reduce)");
const WAYS = { good: [150, 570], failed: [150, 570, 150], refused: [150, 296, 150] };
function animate(news) {
  if (still.matches || document.hidden) return;
  for (const kind of KINDS) {
    const number = Math.min(news[kind], 8, 24 - $("dots").children.length);
    for (let n = 0; n < number; n += 1) {
      const dot = drawn("circle", { class: "dot " + kind, cx: 0, cy: 100, r: 6 });
      $("dots").append(dot);
      const steps = WAYS[kind].map((x) => ({ transform: "translateX(" + x + "px)", opacity: 1 }));
      dot.animate(steps, { duration: 350 * WAYS[kind].length, delay: (900 * n) / number, easing: "ease-in-out" }).onfinish = () => dot.remove();
    }
  }
}

// The plot: a bar for each second, a line for what reached the upstream, and the state below.
let pointed = null; // how many seconds ago somebody asks about
function plot() {
  // The present second is not over yet, and of the one before not everything may have been told.
  const over = series.slice(0, -2);
  const height = 168, top = 8, wide = 720 / SPAN;
  const peak = Math.max(5, ...over.map((p) => Math.max(p.good + p.failed + p.refused, p.upstream)));
  const tall = (number) => ((height - top) * number) / peak;
  const x = (i) => 720 - (over.length - i) * wide;
  const parts = [0.5, 1].map((share) => drawn("path", { class: "grid", d: "M0 " + (height - tall(peak * share)) + "H720" }));
  over.forEach((p, i) => {
    let base = height;
    for (const kind of KINDS.filter((kind) => p[kind] > 0)) {
      base -= tall(p[kind]);
      parts.push(drawn("rect", { class: "bar " + kind, x: x(i), y: base, width: wide - 0.7, height: tall(p[kind]) }));
    }
    parts.push(drawn("rect", { class: "band " + p.state, x: x(i), y: 176, width: wide + 0.3, height: 12 }));
  });
  if (last && last.upstream.requests !== null && over.length > 1) {
    const points = over.map((p, i) => x(i).toFixed(1) + " " + (height - tall(p.upstream)).toFixed(1) + "h" + wide);
    parts.push(drawn("path", { class: "line upstream", d: "M" + points.join("L") }));
  }
  const at = over.length - 1 - (pointed || 0);
  const p = over[at];
  if (pointed !== null && p) parts.push(drawn("rect", { class: "here", x: x(at), y: 0, width: wide, height: 190 }));
  $("plot").replaceChildren(...parts);
  const when = pointed ? pointed + " s ago" : "the last second";
  const said = (kind) => Math.round(p[kind]) + " ";
  const numbers = () => said("good") + "answered, " + said("failed") + "failed, " + said("refused") + "refused";
  $("moment").textContent = p ? when + ": " + numbers() + " · the line on top is " + Math.round(peak) + " a second" : "";
  const present = over.at(-1);
  if (!present) return;
  $("asked").textContent = Math.round(present.good + present.failed + present.refused) + "/s";
  $("reached").textContent = last && last.upstream.requests !== null ? Math.round(present.upstream) + "/s" : "";
}

// Brings the series up to the present second.
function tick() {
  const present = Math.floor(performance.now() / 1000);
  // A page that was asleep has nothing to tell of that time.
  if (present - second > SPAN) series.length = 0;
  if (series.length === 0) second = present - 1;
  for (; second < present; second += 1) {
    series.push({ good: 0, failed: 0, refused: 0, upstream: 0, state: last && live ? last.state : "unknown" });
  }
  series.splice(0, series.length - SPAN - 2);
  plot();
}

function point(ago) {
  pointed = ago === null ? null : Math.min(SPAN - 1, Math.max(0, ago));
  plot();
}

$("plot").addEventListener("pointermove", (event) => {
  const box = $("plot").getBoundingClientRect();
  point(Math.floor(((box.right - event.clientX) / box.width) * SPAN));
});
$("plot").addEventListener("pointerleave", () => point(null));
$("plot").addEventListener("blur", () => point(null));
$("plot").addEventListener("keydown", (event) => {
  const step = { ArrowLeft: 1, ArrowRight: -1 }[event.key];
  if (step) point((pointed || 0) + step);
});

// The token, if the gateway asks for one: here and nowhere else, so that no later visitor of this browser finds it.
let token = "";
function request(path, options = {}) {
  const headers = { ...options.headers };
  if (token) headers.authorization = "Bearer " + token;
  return fetch(path, { ...options, headers });
}

function post(path, body) {
  return request(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

async function told(response) {
  if (response.ok) return null;
  const problem = await response.json().catch(() => ({}));
  return response.status + " " + (problem.detail || problem.title || "");
}

async function operate(action, body, title) {
  const what = title || action.replace("-", " ");
  try {
    $("answer").textContent = what + ": " + ((await told(await post("/status/" + action, body))) || "done");
  } catch (error) {
    $("answer").textContent = what + ": the gateway does not answer";
  }
}

// Somebody has to own the events: one user for each page load, made when the first is sent.
let owner = null;
async function user() {
  if (owner) return owner;
  const tag = crypto.getRandomValues(new Uint32Array(2)).join("-");
  const response = await post("/addUser", { userName: "page-" + tag, email: "page-" + tag + "@example.com" });
  const problem = await told(response);
  if (problem) throw new Error("addUser: " + problem);
  owner = (await response.json()).id;
  return owner;
}

const tally = {};
let sent = 0;
async function send(userId) {
  sent += 1;
  const response = await post("/addEvent", { name: "event " + sent, userId });
  await response.arrayBuffer();
  tally[response.status] = (tally[response.status] || 0) + 1;
  $("burst-result").textContent = "answers: " + Object.entries(tally).map(([code, n]) => n + " × " + code).join(", ");
}

async function burst() {
  let left = 20;
  $("send").disabled = true;
  try {
    const userId = await user();
    // Two at a time, so that the page shows what happens rather than one spike.
    const worker = async () => {
      while (left > 0) {
        left -= 1;
        await send(userId);
      }
    };
    await Promise.all([worker(), worker()]);
  } catch (error) {
    $("burst-result").textContent = error.message;
  } finally {
    $("send").disabled = false;
  }
}

// Goes on whatever the answers are, as clients do: the page then shows what reaches the upstream of it.
let steady = null;
async function toggle() {
  const stop = () => {
    clearInterval(steady);
    steady = null;
    $("steady").setAttribute("aria-pressed", "false");
  };
  if (steady) return stop();
  try {
    const userId = await user();
    steady = setInterval(() => send(userId).catch(stop), 200);
    $("steady").setAttribute("aria-pressed", "true");
  } catch (error) {
    $("burst-result").textContent = error.message;
  }
}

$("send").addEventListener("click", burst);
$("steady").addEventListener("click", toggle);
for (const button of document.querySelectorAll("[data-action]")) {
  button.addEventListener("click", () => operate(button.dataset.action, {}));
}

function connected(yes, text) {
  live = yes;
  $("link").textContent = text;
  $("link").classList.toggle("live", yes);
  $("page").classList.toggle("stale", !yes && last !== null);
}

// Server-sent events, read with fetch: an EventSource cannot send a token. Each frame is a few lines and an empty one;
// only its data matters here.
async function watch(signal) {
  const response = await request("/status/stream", { signal });
  const problem = await told(response);
  if (response.status === 401 || response.status === 403) {
    $("sign-in").hidden = false;
    connected(false, problem);
    return false;
  }
  if (problem) throw new Error(problem);
  $("sign-in").hidden = true;
  connected(true, "live");
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    // Something comes each second; a connection that is silent for this long is gone, though nobody said so.
    const silent = setTimeout(() => reader.cancel(), 15000);
    const { value, done } = await reader.read();
    clearTimeout(silent);
    if (done) return true;
    const frames = (text + value).split("\n\n");
    text = frames.pop();
    for (const frame of frames) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(frame) || [];
      if (name === "history") recall(JSON.parse(data));
      if (name === "status") show(JSON.parse(data));
    }
  }
}

// Again and again, until the gateway says that it wants a token or another one: then that is waited for.
let watching = null;
async function follow() {
  if (watching) watching.abort();
  const own = new AbortController();
  watching = own;
  while (!own.signal.aborted) {
    try {
      if (!(await watch(own.signal))) return;
    } catch (error) {
      if (own.signal.aborted) return;
    }
    connected(false, "connection lost, trying again…");
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
}

$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token").value.trim();
  $("token").value = "";
  owner = null;
  follow();
});
tick();
follow();
setInterval(tick, 1000);
setInterval(frame, 100);
