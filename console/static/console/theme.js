// Runs in <head>, before the first paint: a remembered theme must not flash.
try {
  const theme = localStorage.getItem("muster-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch { /* storage is blocked: the system's choice holds */ }
