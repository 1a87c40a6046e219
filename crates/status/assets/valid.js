// When this page is old, looks for a newer copy of it, and says plainly that it is old if there is
// none. Without this, the page says in words until when it is true.
(() => {
  const until = document.querySelector("time[data-valid]");
  const warning = document.getElementById("stale");
  if (!until || !warning) return;
  const left = (time) => Date.parse(time) - Date.now();
  const newer = async () => {
    const signal = AbortSignal.timeout(10000);
    const answer = await fetch(location.href, { cache: "no-store", credentials: "omit", signal });
    const there = /<time data-valid datetime="([^"]+)"/.exec(await answer.text());
    return there !== null && left(there[1]) > 0;
  };
  let timer;
  const again = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(look, ms);
  };
  let pause = 5000;
  let looking = false;
  const look = async () => {
    if (looking) return;
    const rest = left(until.dateTime);
    if (rest > 0) {
      warning.hidden = true;
      return again(Math.min(rest + 500, 60000));
    }
    looking = true;
    const found = await newer().catch(() => false);
    looking = false;
    if (found) return location.reload();
    warning.hidden = false;
    again(pause);
    pause = Math.min(pause * 2, 60000);
  };
  const loaded = performance.getEntriesByType("navigation")[0]?.type;
  if (loaded === "reload" && left(until.dateTime) <= 0) {
    // It was loaded again and is old nevertheless: at once it would be so once more.
    warning.hidden = false;
    again(60000);
  } else {
    look();
  }
  // A page that is shown again from memory looks at once.
  addEventListener("pageshow", (event) => event.persisted && look());
  document.addEventListener("visibilitychange", look);
})();
