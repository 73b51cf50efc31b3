"use strict";
// Everything shown comes from one document, the one of `GET /status`, pushed over `/status/stream`.
// Text is set with textContent only: names and reasons are data, never markup.

const $ = (id) => document.getElementById(id);
const SPAN = 120; // seconds of the plot
const series = []; // one {admitted, refused, failed} a second
let last = null; // the last document
let received = 0; // when it came, by this page's clock
let counted = null; // the counters at the last tick of the plot

function seconds(ms) {
  if (ms === null || ms === undefined) return "–";
  return ms < 10000 ? (ms / 1000).toFixed(1) + " s" : Math.round(ms / 1000) + " s";
}

function show(status) {
  const started = last && status.started_at_ms !== last.started_at_ms;
  last = status;
  received = performance.now();
  if (started) counted = null;
  $("name").textContent = status.name;
  $("hero").dataset.state = status.state;
  const overlay = status.overlay === "automatic" ? "" : " (" + status.overlay.replaceAll("_", " ") + ")";
  $("state").textContent = status.state.replace("_", "-") + overlay;
  $("why").textContent = status.reason || "";
  const failures = status.failures;
  $("failures").textContent = failures.counted + " of " + failures.limit + " within " + seconds(failures.window_ms);
  const pips = [];
  for (let i = 0; i < Math.min(failures.limit, 12); i += 1) {
    const pip = document.createElement("i");
    if (i < failures.counted) pip.className = "hit";
    pips.push(pip);
  }
  $("pips").replaceChildren(...pips);
  $("level").textContent = String(status.level);
  $("cooldown").textContent = seconds(status.next_cool_down_ms) + " (at most " + seconds(status.max_cool_down_ms) + ")";
  $("recovery").textContent = status.recovery;
  for (const key of ["admitted", "refused", "failed"]) $(key).textContent = String(status.counters[key]);
  transitions(status.transitions);
  upstream(status.upstream);
  countdown();
}

function transitions(list) {
  if (list.length === 0) return;
  $("log").replaceChildren(...list.slice(-12).reverse().map((entry) => {
    const row = document.createElement("tr");
    for (const text of [new Date(entry.at_ms).toLocaleTimeString(), entry.what, entry.why || ""]) {
      const cell = document.createElement("td");
      cell.textContent = text;
      row.append(cell);
    }
    return row;
  }));
}

function upstream(info) {
  const facts = [["kind", info.built_in ? "built in" : "external"]];
  if (info.requests !== null) facts.push(["requests it has seen", String(info.requests)]);
  if (info.faults !== null) facts.push(["fault plan", info.faults]);
  $("upstream").replaceChildren(...facts.map(([name, value]) => {
    const group = document.createElement("div");
    if (value.length > 30) group.className = "wide";
    const dt = document.createElement("dt");
    const dd = document.createElement("dd");
    dt.textContent = name;
    dd.textContent = value;
    group.append(dt, dd);
    return group;
  }));
  $("fault-row").hidden = !info.built_in;
  if (info.built_in && $("plan").options.length === 0) {
    for (const plan of info.plans) $("plan").add(new Option(plan.title, plan.plan));
  }
}

function countdown() {
  if (!last) return;
  const left = last.remaining_ms === null ? null : Math.max(0, last.remaining_ms - (performance.now() - received));
  $("countdown").textContent = left === null ? (last.state === "open" ? "until told otherwise" : "–") : seconds(left);
  $("countdown-label").textContent = left === null ? "" : "until calls are let through again";
  const whole = last.open_for_ms || 0;
  $("countdown-bar").style.width = left === null || whole === 0 ? "0" : Math.min(100, (100 * left) / whole) + "%";
}

function tick() {
  if (!last) return;
  const now = last.counters;
  const point = { admitted: 0, refused: 0, failed: 0 };
  if (counted) for (const key of Object.keys(point)) point[key] = Math.max(0, now[key] - counted[key]);
  counted = { ...now };
  series.push(point);
  if (series.length > SPAN) series.shift();
  const peak = Math.max(1, ...series.map((p) => Math.max(p.admitted, p.refused, p.failed)));
  $("peak").textContent = "peak " + peak + "/s";
  $("plot").replaceChildren(...["admitted", "refused", "failed"].map((key) => {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    const points = series.map((p, i) => {
      const x = 600 - ((series.length - 1 - i) * 600) / (SPAN - 1);
      return x.toFixed(1) + " " + (156 - (150 * p[key]) / peak).toFixed(1);
    });
    path.setAttribute("class", key);
    path.setAttribute("d", "M" + points.join("L"));
    return path;
  }));
}

// The token, if the gateway asks for one: here and nowhere else, so that no later visitor of this browser finds it.
let token = "";
function request(path, options = {}) {
  const headers = { ...options.headers };
  if (token) headers.authorization = "Bearer " + token;
  return fetch(path, { ...options, headers });
}

async function post(path, body) {
  return request(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function told(response) {
  if (response.ok) return null;
  const problem = await response.json().catch(() => ({}));
  return response.status + " " + (problem.detail || problem.title || "");
}

async function operate(action, body) {
  try {
    $("answer").textContent = (await told(await post("/status/" + action, body))) || action + ": done";
  } catch (error) {
    $("answer").textContent = action + ": the gateway does not answer";
  }
}

// A burst needs somebody to own the events: one user for each page load, made at the first burst.
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
  let left = Math.max(1, Math.min(500, Number($("burst").value) || 1));
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
$("apply").addEventListener("click", () => operate("faults", { plan: $("plan").value }));
for (const button of document.querySelectorAll("[data-action]")) {
  button.addEventListener("click", () => operate(button.dataset.action, {}));
}

// Server-sent events, read with fetch: an EventSource cannot send a token. Each frame is a few lines and an empty one;
// only its data matters here.
async function watch(signal) {
  const response = await request("/status/stream", { signal });
  const problem = await told(response);
  if (response.status === 401 || response.status === 403) {
    $("sign-in").hidden = false;
    $("link").textContent = problem;
    return false;
  }
  if (problem) throw new Error(problem);
  $("sign-in").hidden = true;
  $("link").textContent = "live";
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return true;
    const frames = (text + value).split("\n\n");
    text = frames.pop();
    for (const frame of frames) {
      if (frame.startsWith("event: status\ndata: ")) show(JSON.parse(frame.slice("event: status\ndata: ".length)));
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
    $("link").textContent = "connection lost, trying again…";
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
}

function useToken() {
  token = $("token").value.trim();
  $("token").value = "";
  owner = null;
  follow();
}

$("use-token").addEventListener("click", useToken);
$("token").addEventListener("keydown", (event) => { if (event.key === "Enter") useToken(); });
follow();
setInterval(tick, 1000);
setInterval(countdown, 100);
