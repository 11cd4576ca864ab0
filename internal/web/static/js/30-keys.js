// Keys: ? shows them, / searches, g and a letter jumps to a section, Escape closes.
// None of them acts in a field, and none changes anything.
(() => {
  const dialog = document.getElementById("keys");
  const button = document.getElementById("show-keys");
  const typing = (el) => /^(INPUT|SELECT|TEXTAREA)$/.test(el.tagName) || el.isContentEditable;
  let going = 0; // until when a letter after g counts

  function show() {
    if (dialog && !dialog.open) dialog.showModal(); // it keeps the focus inside, and gives it back
  }

  function search() {
    const field = document.querySelector("main input[type=search]");
    if (!field) return location.assign("/#search");
    field.focus();
    field.select();
  }

  function go(key) {
    const link = [...document.querySelectorAll("[data-go]")].find((a) => a.dataset.go === key);
    if (link) location.assign(link.href);
    return Boolean(link);
  }

  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return;
    if (typing(e.target)) {
      if (e.key === "Escape") e.target.blur();
      return;
    }
    if (document.querySelector("dialog[open]")) return;
    const jumping = Date.now() < going;
    going = 0;
    if (jumping && go(e.key)) return e.preventDefault();
    if (e.key === "?") show();
    else if (e.key === "/") search();
    else if (e.key === "g") going = Date.now() + 1500;
    else return;
    e.preventDefault();
  });

  if (button && dialog) {
    button.hidden = false;
    button.addEventListener("click", show);
  }
  if (location.hash === "#search") search();

  // A form that takes its time says so, and is not sent twice.
  document.addEventListener("submit", (e) => {
    if (e.defaultPrevented || e.target.method !== "post") return;
    if (e.target.dataset.sent) return e.preventDefault();
    e.target.dataset.sent = "1";
    e.submitter?.setAttribute("aria-busy", "true");
    document.getElementById("said").textContent = "Working";
  });
  window.addEventListener("pageshow", (e) => {
    if (!e.persisted) return;
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
    for (const b of document.querySelectorAll("[aria-busy]")) b.removeAttribute("aria-busy");
  });
})();
