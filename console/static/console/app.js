// What HTML and CSS cannot do alone. Every page works without this file.
(() => {
  "use strict";
  const root = document.documentElement;
  const all = (selector, from = document) =>
    [...(from.matches?.(selector) ? [from] : []), ...from.querySelectorAll(selector)];
  const on = (type, selector, act) =>
    document.addEventListener(type, (event) => {
      const found = event.target.closest?.(selector);
      if (found) act(found, event);
    });

  // Theme: light, dark, or what the system says.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const showTheme = () => {
    const theme = root.dataset.theme ?? "system";
    for (const button of all("[data-theme-set][aria-pressed]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeSet === theme));
    }
  };
  on("click", "[data-theme-set]", (button) => {
    const shown = root.dataset.theme ?? (dark.matches ? "dark" : "light");
    const theme = button.dataset.themeSet === "other" ? { light: "dark", dark: "light" }[shown] : button.dataset.themeSet;
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
    try {
      if (theme === "system") localStorage.removeItem("muster-theme");
      else localStorage.setItem("muster-theme", theme);
    } catch { /* storage is blocked: the choice holds for this page */ }
    showTheme();
  });

  // Dialogs: <button command="show-modal" commandfor="…"> is native; this is for browsers that lack it.
  if (!("commandForElement" in HTMLButtonElement.prototype)) {
    on("click", "button[commandfor]", (button) => {
      const dialog = document.getElementById(button.getAttribute("commandfor"));
      if (button.getAttribute("command") === "show-modal") dialog?.showModal();
      else dialog?.close();
    });
  }
  // A menu that opens a dialog has done its work.
  on("click", "[popover] button[commandfor]", (button) => button.closest("[popover]").hidePopover());
  // A dialog sent open (a form with errors), or named by the address, becomes modal.
  const raise = (dialog) => {
    dialog.close();
    dialog.showModal();
    // Where something is wrong; else where the form says, or where the choice stands.
    const wrong = dialog.querySelector("[aria-invalid=true]");
    (wrong ?? (dialog.querySelector("[autofocus]") ? null : dialog.querySelector(":checked")))?.focus();
  };
  const named = () => {
    const dialog = location.hash && document.getElementById(location.hash.slice(1));
    if (!(dialog instanceof HTMLDialogElement)) return;
    if (!dialog.open) dialog.showModal();
    history.replaceState(history.state, "", location.pathname + location.search);
  };
  addEventListener("hashchange", named);

  // Copy
  on("click", "[data-copy]", async (button) => {
    const lines = all("code", button.closest("[data-copies]") ?? button.parentElement);
    await navigator.clipboard.writeText(lines.map((line) => line.textContent).join("\n"));
    button.classList.add("copied");
    const status = button.querySelector("[role=status]");
    status.textContent = button.dataset.copy;
    setTimeout(() => {
      button.classList.remove("copied");
      status.textContent = "";
    }, 2000);
  });

  // Times: the page says UTC; the reader sees the own clock, and UTC on hover.
  const here = navigator.languages.find((one) => one.startsWith(root.lang)) ?? root.lang;
  const clock = (options) => new Intl.DateTimeFormat(here, options);
  const day = { month: "short", day: "numeric" };
  const shapes = {
    day: clock({ ...day, year: "numeric" }),
    moment: clock({ ...day, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }),
    old: clock({ ...day, year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
    full: clock({ ...day, year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" }),
  };
  const localTimes = (part) => {
    for (const time of all("time[data-time]", part)) {
      const at = new Date(time.dateTime);
      const kind = time.dataset.time;
      delete time.dataset.time;
      if (Number.isNaN(at.getTime())) continue;
      const utc = `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
      time.title = kind === "ago" ? `${shapes.full.format(at)} (${utc})` : utc;
      if (kind !== "ago") {
        const old = at.getFullYear() !== new Date().getFullYear();
        time.textContent = (kind === "moment" && old ? shapes.old : shapes[kind]).format(at);
      }
    }
  };

  // Messages
  const dismiss = (toast) => toast.remove();
  on("click", "[data-dismiss]", (button) => dismiss(button.closest(".toast, .banner")));
  const fade = (toast) => {
    const later = () => (toast.matches(":hover, :focus-within") ? setTimeout(later, 2000) : dismiss(toast));
    setTimeout(later, 8000);
  };

  // Keys: "/" or Ctrl-K to search.
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    const asked = (event.key === "/" && !typing) || (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey));
    const search = document.querySelector("[data-search]");
    if (asked && search && !document.querySelector("dialog[open]")) {
      event.preventDefault();
      search.focus();
      search.select();
      search.click();
    }
  });

  for (const type of ["pointerover", "focusin"]) on(type, "[data-script]", (part) => import(part.dataset.script));
  for (const type of ["click", "input"]) on(type, "[data-search]", (field) => import(field.dataset.search));

  // Selection: one box ticks all; the bar says how many.
  const count = (form) => {
    const boxes = all("tbody input[type=checkbox]", form);
    const ticked = boxes.filter((box) => box.checked).length;
    const every = form.querySelector("[data-check-all]");
    if (every) {
      every.checked = ticked > 0 && ticked === boxes.length;
      every.indeterminate = ticked > 0 && ticked < boxes.length;
    }
    for (const place of all("[data-checked]", form)) place.textContent = place.dataset.checked.replace("{number}", ticked);
  };
  on("change", "[data-check-all]", (every) => {
    for (const box of all("tbody input[type=checkbox]", every.form)) box.checked = every.checked;
    count(every.form);
  });
  on("change", "tbody input[type=checkbox]", (box) => box.form && count(box.form));

  // A page that answers a form with a secret: loading it again must not send the form again.
  const forget = () => history.replaceState(history.state, "", location.href);
  if (document.querySelector("[data-once]")) forget();
  // Nor must the way back to any page that answers a form: there browsers stop, and ask whether to send it again.
  if ("posted" in document.body.dataset) for (const [type, way] of [["submit", "form"], ["click", "a[href]"]]) on(type, way, forget);

  // A form is sent once: whoever clicks twice means the same. What only asks, as for a file, may ask again.
  let sent = new WeakSet();
  addEventListener("pageshow", () => { sent = new WeakSet(); });
  on("submit", "form[method=post]:not([data-asks])", (form, event) => {
    if (event.defaultPrevented) return; // htmx sends it, in its order
    if (sent.has(form)) event.preventDefault();
    sent.add(form);
    setTimeout(() => sent.delete(form), 10000);
  });

  // What new parts of a page need, by htmx or not.
  const tend = (part) => {
    localTimes(part);
    for (const dialog of all("dialog[open]:not(:modal)", part)) raise(dialog);
    for (const toast of all(".toast.success", part)) fade(toast);
    // On a phone, tabs go on beyond the edge: where one is, is in sight.
    for (const tab of all(".tabs [aria-current]", part)) tab.scrollIntoView({ block: "nearest", inline: "center" });
    // As cards, rows are no longer displayed as a table: keep saying what they are.
    for (const table of all(".table", part)) {
      table.setAttribute("role", "table");
      for (const [selector, role] of [["thead, tbody", "rowgroup"], ["tr", "row"], ["td", "cell"], ["th", "columnheader"]]) {
        for (const piece of all(selector, table)) piece.setAttribute("role", role);
      }
    }
  };
  // Addresses say what was chosen, not what was left empty.
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.verb !== "get") return;
    for (const [name, value] of [...detail.formData]) if (value === "") detail.formData.delete(name);
  });

  tend(document);
  showTheme();
  named();
  document.addEventListener("htmx:load", (event) => event.target !== document.body && tend(event.target));
})();
