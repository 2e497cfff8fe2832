// Who has to sign in again elsewhere finds what she typed when she is back: kept in this tab alone, for a quarter
// of an hour, for her. Passwords, codes, files and hidden fields are not kept. Every page works without this file.
(() => {
  "use strict";
  const KEY = "muster-typed", LASTS = 900_000, NEVER = ["password", "file", "hidden", "submit"];
  const here = new URL(location.href);
  const fields = (part) => [...part.querySelectorAll("input[name], select[name], textarea[name]")].filter(
    (field) => !NEVER.includes(field.type) && !/password|one-time-code/.test(field.autocomplete));
  const isBox = (field) => field.type === "checkbox" || field.type === "radio";

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href*="/sign-in/provider/?again=1"]');
    const page = document.querySelector("[data-person]");
    if (!link || !page) return;
    const typed = fields(link.closest("dialog") ?? page).map((field) => ({
      name: field.name, value: field.value, checked: field.checked, text: field.selectedOptions?.[0]?.text }));
    const back = new URL(link.href).searchParams.get("next");
    const kept = { back, typed, by: page.dataset.person, until: Date.now() + LASTS };
    try {
      sessionStorage.setItem(KEY, JSON.stringify(kept));
    } catch { /* storage is blocked or full: she types again */ }
  });

  const fill = (part, typed) => {
    const empty = fields(part);
    for (const { name, value, checked, text } of typed) {
      const at = empty.findIndex((field) => field.name === name && (!isBox(field) || field.value === value));
      if (at < 0) continue;
      const [field] = empty.splice(at, 1);
      // What a search had found is no choice of the list yet.
      if (text && ![...field.options].some((option) => option.value === value)) field.add(new Option(text, value));
      if (isBox(field)) field.checked = checked;
      else field.value = value;
      field.dispatchEvent(new Event("change", { bubbles: true }));
    }
  };
  // After what makes the page ready, so that fields which change others do.
  addEventListener("DOMContentLoaded", () => {
    const page = document.querySelector("[data-person]");
    let kept = null;
    try {
      kept = JSON.parse(sessionStorage.getItem(KEY));
    } catch { /* storage is blocked */ }
    if (!kept || !page) return;
    const isHers = kept.by === page.dataset.person && Date.now() < kept.until;
    if (isHers && new URL(kept.back, here).href !== here.href) return;
    sessionStorage.removeItem(KEY);
    if (isHers) fill(document.getElementById(here.hash.slice(1)) ?? page, kept.typed);
  });
})();
