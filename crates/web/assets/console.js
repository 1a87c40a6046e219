// What a page does beyond standing there: it follows what happens, keeps "5 min ago" true, and takes
// the code out of a link to sign in. Everything works without it.
"use strict";

const policy = window.trustedTypes
  ? trustedTypes.createPolicy("hereby", { createHTML: (text) => text })
  : { createHTML: (text) => text };

const body = document.body;
document.documentElement.dataset.scripts = "run";

// The page as it is now, region by region. What somebody is typing in stays as it is.
const refresh = async () => {
  const response = await fetch(location.href, { headers: { "hereby-live": "1" } });
  if (response.redirected && new URL(response.url).pathname === "/sign-in") {
    // The page goes dark; what somebody is writing stays, and counts once they are signed in again.
    if (!isBusy(body)) location.reload();
    for (const it of document.querySelectorAll("[data-live]")) it.replaceChildren();
    state("out");
    return;
  }
  if (!response.ok) throw new Error(response.statusText);
  const text = await response.text();
  const next = new DOMParser().parseFromString(policy.createHTML(text), "text/html");
  for (const region of document.querySelectorAll("[data-live]")) {
    const other = next.getElementById(region.id);
    if (!other || other.outerHTML === region.outerHTML) continue;
    if (isBusy(region)) continue;
    const open = [...region.querySelectorAll("details[open][id]")].map((it) => it.id);
    const active = document.activeElement;
    const focused = region.contains(active) && active !== region ? named(active) : "";
    const fresh = document.importNode(other, true);
    region.replaceWith(fresh);
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    const places = focused ? fresh.querySelectorAll("a,button,summary,input,select,textarea") : [];
    [...places].find((it) => named(it) === focused)?.focus({ preventScroll: true });
  }
  const token = next.querySelector("input[name=csrf]")?.value;
  if (token) for (const it of document.querySelectorAll("input[name=csrf]")) it.value = token;
  document.title = next.title;
  state("good");
  tick();
};

// What an element is known by when its region was written anew.
const named = (it) => it.id || it.href || it.closest("form")?.action + it.textContent;

// Whether somebody has begun to fill in a form here.
const isBusy = (region) =>
  [...region.querySelectorAll("input,textarea,select")].some((field) =>
    field.type === "hidden" || field.type === "submit"
      ? false
      : field === document.activeElement ||
        (field.type === "checkbox"
          ? field.checked !== field.defaultChecked
          : field.value !== (field.defaultValue ?? field.value)),
  );

let source = null;
let heard = 0;
let wanted = false;
let running = false;

// One at a time, and once more if something happened meanwhile.
const update = async () => {
  wanted = true;
  if (running) return;
  running = true;
  while (wanted) {
    wanted = false;
    try {
      await refresh();
    } catch {
      state("lost");
    }
    await new Promise((done) => setTimeout(done, 250));
  }
  running = false;
};

// Whether the page is known to be current: in its foot, and over everything when it is not.
const state = (word) => {
  body.dataset.state = word;
  const status = document.getElementById("live-state");
  if (status) status.textContent = status.dataset[word] || "";
};

const listen = () => {
  if (!body.dataset.stream || source) return;
  source = new EventSource(body.dataset.stream);
  heard = Date.now();
  const beat = () => (heard = Date.now());
  source.onopen = () => (beat(), state("good"));
  source.addEventListener("beat", beat);
  source.onmessage = (event) => {
    beat();
    // A stream that is opened again begins where this one was.
    body.dataset.stream = body.dataset.stream.replace(/seen=\d+/, "seen=" + event.data);
    update();
  };
  source.onerror = () => {
    state("lost");
    if (source.readyState === EventSource.CLOSED) {
      // Refused: perhaps the session has ended, which the page itself then says.
      source = null;
      update();
      setTimeout(() => !document.hidden && listen(), 2000);
    }
  };
};

// A browser opens six connections to a host: a page that nobody looks at needs none.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    source?.close();
    source = null;
  } else if (body.dataset.stream) {
    listen();
    update();
  }
});

const units = [
  ["second", 60],
  ["minute", 60],
  ["hour", 24],
  ["day", Infinity],
];
const relative = new Intl.RelativeTimeFormat(document.documentElement.lang, {
  numeric: "always",
  style: "short",
});

const tick = () => {
  for (const it of document.querySelectorAll("time[data-ago]")) {
    let value = (Date.parse(it.dateTime) - Date.now()) / 1000;
    for (const [unit, size] of units) {
      if (Math.abs(Math.round(value)) < size) {
        it.textContent = relative.format(Math.round(value), unit);
        break;
      }
      value /= size;
    }
  }
};

// A link to sign in carries its secret behind the #, where it is never sent; it is gone at once.
const code = document.getElementById("code");
const signIn = () => {
  if (!code || !location.hash.startsWith("#hbl_")) return;
  code.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname + location.search);
  code.form.requestSubmit();
};
addEventListener("hashchange", signIn);
signIn();

// Two presses of a button are one: the command has the id of the form anyway.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "1";
  setTimeout(() => delete event.target.dataset.sent, 3000);
});

// A server that hangs closes nothing: what was not heard for three beats is lost.
const watch = () => {
  if (source && Date.now() - heard > 45000) {
    state("lost");
    source.close();
    source = null;
    listen();
    update();
  }
};

listen();
tick();
setInterval(() => (tick(), watch(), document.querySelector("[data-again]") && update()), 10000);
