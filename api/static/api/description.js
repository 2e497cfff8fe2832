// Draws the description that the page names.
const place = document.getElementById("description");
const READING = new Set(["GET", "HEAD", "OPTIONS"]);

// Where the session calls, what changes something needs its CSRF token.
async function asThePage(request) {
  request.headers["X-Requested-With"] = "XMLHttpRequest";
  if (place.dataset.token && !READING.has((request.method || "GET").toUpperCase())) {
    const answer = await fetch(place.dataset.token, { credentials: "same-origin" });
    request.headers["X-CSRF-Token"] = (await answer.json()).csrf_token;
  }
  return request;
}

// Light or dark, as the console is: what was chosen there, else what the system has.
const dark = matchMedia("(prefers-color-scheme: dark)");
function dress() {
  const chosen = document.documentElement.dataset.theme;
  document.documentElement.classList.toggle("dark-mode", chosen ? chosen === "dark" : dark.matches);
}
dark.addEventListener("change", dress);
dress();

SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  deepLinking: true,
  docExpansion: "list",
  filter: true,
  defaultModelsExpandDepth: 0,
  requestInterceptor: asThePage,
  // The command line that is shown shall not hold the session's CSRF token.
  showMutatedRequest: false,
  // Nothing is sent to a validator elsewhere.
  validatorUrl: null,
});

// What Swagger UI leaves out for those who do not see the page: a button holds no link, every choice has a name,
// and what scrolls is reached by keyboard.
function mend() {
  for (const link of place.querySelectorAll(".opblock-summary-control a[href]")) link.removeAttribute("href");
  for (const sample of place.querySelectorAll(".microlight:not([tabindex])")) sample.tabIndex = 0;
  for (const choice of place.querySelectorAll("select:not([aria-label])")) {
    const row = choice.closest("tr[data-param-name]");
    choice.setAttribute("aria-label", row ? row.dataset.paramName : choice.id === "servers" ? "Server" : "Media type");
  }
}
new MutationObserver(mend).observe(place, { childList: true, subtree: true });
