// The list below the search field: what one may go to, walked by arrow keys. Loaded when the field is first used.
const field = document.querySelector("[data-search]");
const list = document.createElement("div");
Object.assign(list, { id: "palette", className: "menu", popover: "manual", role: "group", ariaLabel: field.placeholder });
field.after(list);
field.setAttribute("aria-controls", list.id);

const isOpen = () => list.matches(":popover-open");
const open = () => {
  if (!isOpen() && list.childElementCount && field.form.contains(document.activeElement)) list.showPopover({ source: field });
};
const close = () => isOpen() && list.hidePopover();

// The form asks the page of one organization, or of all; the list is of all, that organization first.
const near = field.form.action.match(/\/o\/([^/]+)\//)?.[1] ?? "";
const htmx = { get: `/find/?in=${near}`, trigger: "load, input changed delay:150ms", target: "#palette", sync: "this:queue last" };
for (const [name, value] of Object.entries(htmx)) field.setAttribute(`hx-${name}`, value);
window.htmx.process(field);

list.addEventListener("htmx:afterSwap", open);
field.addEventListener("click", open);
field.addEventListener("input", open);
field.form.addEventListener("keydown", (event) => {
  const links = [...list.querySelectorAll("a")];
  const at = links.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, End: at < 0 ? undefined : links.length - 1 }[event.key];
  if (event.key === "Escape" && isOpen()) {
    event.preventDefault();
    close();
    field.focus();
  } else if (isOpen() && to !== undefined) {
    event.preventDefault();
    (to < 0 ? field : links[Math.min(to, links.length - 1)])?.focus();
  }
});
field.form.addEventListener("focusout", ({ relatedTarget }) => {
  if (!field.form.contains(relatedTarget)) close();
});
