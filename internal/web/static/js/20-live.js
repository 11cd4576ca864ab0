// Keeps the page fresh: every few seconds it fetches the same address and swaps
// the regions marked data-live that changed. Focus, scroll, open details and a
// text selection survive. Without this script the page reloads by itself.
(() => {
  const every = Number(document.body.dataset.refresh) * 1000;
  const live = document.getElementById("live");
  const lost = document.getElementById("lost");
  const said = document.getElementById("said");
  let failures = 0, ended = false;
  let lastGood = live ? live.textContent : "";

  const headline = (doc) => [...doc.querySelectorAll("[data-say]")].map((e) => e.textContent.trim()).join(" ");
  // What changes by the second is not worth saying aloud.
  const gist = (text) => text.replace(/\d+ (s|min|h)\b/g, "").replace(/just now|due now/g, "");

  function selecting(region) {
    const s = window.getSelection();
    return s && !s.isCollapsed && region.contains(s.anchorNode);
  }

  // The same element after a swap: by id, else by its address and turn.
  function mark(el) {
    if (!el || el === document.body) return null;
    if (el.id) return () => document.getElementById(el.id);
    const href = el.getAttribute("href");
    if (!href) return null;
    const same = (list) => [...list].filter((a) => a.getAttribute("href") === href);
    const turn = same(document.querySelectorAll("a[href]")).indexOf(el);
    return () => same(document.querySelectorAll("a[href]"))[turn];
  }

  function swap(doc) {
    const find = mark(document.activeElement);
    for (const region of document.querySelectorAll("[data-live]")) {
      const fresh = doc.getElementById(region.id);
      if (!fresh || selecting(region)) continue;
      const open = new Set([...region.querySelectorAll("details[open]")].map((d) => d.id));
      for (const d of fresh.querySelectorAll("details")) d.open = open.has(d.id) || (d.open && !region.querySelector("details"));
      localTimes(fresh);
      if (fresh.innerHTML === region.innerHTML && fresh.className === region.className) continue;
      region.className = fresh.className;
      region.replaceChildren(...fresh.childNodes);
    }
    const again = find && find();
    if (again && again !== document.activeElement) again.focus({ preventScroll: true });
    document.title = doc.title;
  }

  let spoken = gist(headline(document));
  async function look() {
    const answer = await fetch(location.href, { credentials: "same-origin", redirect: "manual", signal: AbortSignal.timeout(15000) });
    if (answer.type === "opaqueredirect") return location.reload();
    if (!answer.ok) throw new Error(String(answer.status));
    const doc = new DOMParser().parseFromString(await answer.text(), "text/html");
    swap(doc);
    ended = !doc.body.dataset.refresh; // what was under way is done
    const now = gist(headline(document));
    if (now !== spoken) {
      spoken = now;
      said.textContent = headline(document);
    }
    const stamp = doc.getElementById("live");
    if (live && stamp) {
      localTimes(stamp);
      live.replaceChildren(...stamp.childNodes);
      live.classList.remove("stale");
      lastGood = live.textContent;
    }
  }

  // A page that has stopped must not look like one that is fine.
  function lose() {
    lost.hidden = false; // an alert: it is spoken
    if (!live || live.classList.contains("stale")) return;
    live.classList.add("stale");
    live.lastElementChild.textContent = "Connection lost. " + lastGood.trim();
  }

  function found() {
    failures = 0;
    lost.hidden = true;
  }

  async function tick() {
    if (!document.hidden) {
      try {
        await look();
        found();
      } catch {
        failures++;
        if (failures >= 2) lose();
      }
    }
    if (!ended) setTimeout(tick, every * Math.min(1 + failures, 6));
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden && every && !ended) look().then(found, () => {}); });
  window.addEventListener("offline", lose);
  window.addEventListener("online", () => { if (every && !ended) look().then(found, () => {}); else found(); });
  if (every) setTimeout(tick, every);
})();
