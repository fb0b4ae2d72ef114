// Everything works without this. It brings the live stream, keys, and ticking many boxes at once.
"use strict";

const every = (selector, root = document) => [...root.querySelectorAll(selector)];

// --- ticks: one box for all on the page
for (const box of every("[data-ticks]")) {
  box.addEventListener("change", () => {
    for (const one of every(`input[type=checkbox][name="${box.dataset.ticks}"]`)) one.checked = box.checked;
  });
}

// --- typing another value chooses it
for (const field of every("[data-picks]")) {
  field.addEventListener("input", () => {
    field.closest("label").querySelector("input[type=radio]").checked = true;
  });
}

// --- a form is sent once
for (const form of every("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    form.setAttribute("aria-busy", "true");
  });
}
window.addEventListener("pageshow", () => {
  for (const form of every("form[data-sent]")) { delete form.dataset.sent; form.removeAttribute("aria-busy"); }
});

// --- keys: / to search, g then a letter for a page, j and k from question to question
let before = "";
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea, [contenteditable]")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "/") { event.preventDefault(); document.getElementById("q")?.focus(); return; }
  if (before === "g") every(`nav a[data-key="${CSS.escape(event.key)}"]`)[0]?.click();
  before = event.key;
  if (event.key !== "j" && event.key !== "k") return;
  const items = every(".question");
  const here = items.findIndex((item) => item.contains(document.activeElement));
  const next = items[here + (event.key === "j" ? 1 : -1)];
  if (next) { next.tabIndex = -1; next.focus(); next.scrollIntoView({ block: "center" }); }
});

// --- the daemon begins anew: the next page is shown once the next daemon answers
for (const spot of every("[data-taken]")) {
  setInterval(async () => {
    try {
      const answer = await fetch(spot.dataset.taken, { redirect: "manual" });
      if (answer.type === "opaqueredirect") window.location.assign("/mappings");
    } catch { /* nobody answers yet */ }
  }, 500);
}

// --- the live stream
const stream = document.getElementById("stream");
const most = 40;
let paused = false;

function put(name, text) {
  for (const spot of every(`[data-live="${CSS.escape(name)}"]`)) if (spot.textContent !== text) spot.textContent = text;
}

function said(change) {
  const line = document.createElement("li");
  line.dataset.seq = change.seq;
  line.className = "fresh";
  const time = document.createElement("time");
  time.dateTime = change.at;
  time.textContent = "now";
  const tag = document.createElement("span");
  tag.className = `tag ${change.event}`;
  tag.textContent = change.event.replaceAll("_", " ");
  const told = document.createElement("span");
  told.className = "told";
  if (change.href) {
    const who = document.createElement("a");
    who.href = change.href;
    const name = document.createElement("bdi");
    name.textContent = change.who;
    who.append(name);
    told.append(who, " ");
  }
  told.append(change.text);
  line.append(time, " ", tag, " ", told);
  return line;
}

if (document.body.dataset.livePage !== undefined && window.EventSource) {
  const state = document.querySelector("[data-live-state]");
  const button = document.querySelector("[data-pause]");
  const source = new EventSource("/live");
  button.hidden = false;
  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Go on" : "Pause";
    state.textContent = paused ? "paused" : "live";
  });
  source.addEventListener("open", () => { if (!paused) state.textContent = "live"; });
  source.addEventListener("error", () => { state.textContent = "no connection; tried again"; });
  source.addEventListener("ended", () => { source.close(); state.textContent = "the session has ended: load the page again"; });
  source.addEventListener("change", (event) => {
    if (paused) return;
    stream.prepend(said(JSON.parse(event.data)));
    while (stream.children.length > most) stream.lastElementChild.remove();
  });
  source.addEventListener("figures", (event) => {
    const told = JSON.parse(event.data);
    document.querySelector("[data-tone]").className = `verdict ${told.tone}`;
    put("verdict", told.verdict);
    for (const [name, figure] of Object.entries(told.figures ?? {})) {
      put(name, typeof figure === "number" ? figure.toLocaleString("en").replaceAll(",", "\u202f") : String(figure));
    }
  });
}

// --- how long ago, as time goes by
const steps = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [Infinity, 86400, "d"]];
setInterval(() => {
  for (const time of every("time[datetime]")) {
    const age = (Date.now() - Date.parse(time.dateTime)) / 1000;
    if (!(age >= 0)) continue;
    const [, unit, name] = steps.find(([below]) => age < below);
    const text = `${Math.round(age / unit)} ${name} ago`;
    if (time.textContent !== text) time.textContent = text;
    if (!time.title) time.title = time.dateTime.slice(0, 19).replace("T", " ") + " UTC";
  }
}, 5000);
