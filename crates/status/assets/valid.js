// Says plainly that a page is old. Without it, the page says in words until when it is true.
(() => {
  const until = document.querySelector("time[data-valid]");
  const warning = document.getElementById("stale");
  if (!until || !warning) return;
  const look = () => {
    const left = Date.parse(until.dateTime) - Date.now();
    warning.hidden = left > 0;
    if (left > 0) setTimeout(look, Math.min(left + 500, 60000));
  };
  look();
  // A page that is shown again from memory looks at once.
  addEventListener("pageshow", look);
  document.addEventListener("visibilitychange", look);
})();
