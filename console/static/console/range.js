// A range of days on the chart of the log: dragged over, or by Shift and the arrow keys.
(() => {
  "use strict";
  const bar = (node) => node?.closest?.(".dragged .plot a");
  const bars = (one) => [...one.closest("svg").querySelectorAll("a")];
  let from = null;
  let to = null;
  let dragged = false;
  const show = () => {
    const all = from ? bars(from) : [];
    const [first, last] = [all.indexOf(from), all.indexOf(to)].sort((a, b) => a - b);
    for (const old of document.querySelectorAll(".dragged .plot .chosen")) old.classList.remove("chosen");
    if (from !== to) for (const one of all.slice(first, last + 1)) one.classList.add("chosen");
  };
  const days = (one) => new URL(one.href.baseVal, location.href);
  const open = () => {
    const [first, last] = bars(from).filter((one) => one === from || one === to).map(days);
    first.searchParams.set("until", last.searchParams.get("until"));
    location.assign(first);
  };
  const drop = () => {
    from = to = null;
    show();
  };
  addEventListener("dragstart", (event) => bar(event.target) && event.preventDefault());
  addEventListener("pointerdown", (event) => {
    dragged = false;
    from = to = event.button ? null : bar(event.target);
  });
  addEventListener("pointermove", (event) => {
    const over = from && event.buttons ? bar(document.elementFromPoint(event.clientX, event.clientY)) : null;
    if (!over || over === to || over.closest("svg") !== from.closest("svg")) return;
    to = over;
    dragged = true;
    show();
  });
  addEventListener("pointerup", () => {
    if (from && from !== to) open();
    else drop();
  });
  addEventListener("pointercancel", drop);
  // What ends a drag is no click on the day below it.
  addEventListener("click", (event) => dragged && bar(event.target) && event.preventDefault(), true);
  addEventListener("keydown", (event) => {
    const at = bar(event.target);
    if (!at) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const next = step && bars(at)[bars(at).indexOf(at) + step];
    if (next) {
      event.preventDefault();
      next.focus();
      from = event.shiftKey ? (from ?? at) : null;
      to = event.shiftKey ? next : null;
      show();
    } else if (event.key === "Enter" && from && from !== to) {
      event.preventDefault();
      open();
    } else if (event.key === "Escape") drop();
  });
})();
