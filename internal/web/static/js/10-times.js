// Keepwatch's script: the files of static/js joined in the order of their names.
// Everything works without it.
"use strict";

// localTimes writes clock times again in the zone of this browser, unless the reader
// chose one; the title keeps the exact instant, in UTC and here.
const localTimes = (() => {
  const day = { day: "numeric", month: "short" }, minutes = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const seconds = { ...minutes, second: "2-digit" };
  const forms = {
    time: seconds, clock: { ...day, ...seconds }, till: { ...day, year: "numeric", ...minutes },
    full: { weekday: "short", ...day, year: "numeric", ...seconds },
  };
  const written = (d, form) => new Intl.DateTimeFormat("en-GB", { ...forms[form], timeZoneName: "short" }).format(d).replaceAll(",", "");
  const chosen = document.documentElement.dataset.zone;

  return (root) => {
    for (const t of root.querySelectorAll("time[title]")) {
      const d = new Date(t.dateTime);
      if (Number.isNaN(d.getTime())) continue;
      if (t.dataset.form && !chosen) t.textContent = written(d, t.dataset.form);
      t.title += "\n" + written(d, "full") + " here";
    }
  };
})();

localTimes(document);
{
  const shown = document.getElementById("zone-shown");
  if (shown && !document.documentElement.dataset.zone) shown.textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;
}
