// Swagger UI over the description that this instance tells. Calls carry the session of who is signed in, so
// those that change something need its CSRF token.
const place = document.getElementById("explorer");
const READING = new Set(["GET", "HEAD", "OPTIONS"]);

async function asThePage(request) {
  request.headers["X-Requested-With"] = "XMLHttpRequest";
  if (!READING.has((request.method || "GET").toUpperCase())) {
    const answer = await fetch(place.dataset.token, { credentials: "same-origin" });
    request.headers["X-CSRF-Token"] = (await answer.json()).csrf_token;
  }
  return request;
}

SwaggerUIBundle({
  url: place.dataset.description,
  domNode: place,
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  requestInterceptor: asThePage,
  // The command line that is shown should not hold this session's CSRF token: it would be no use there.
  showMutatedRequest: false,
  // The other choice is to ask a stranger on the network whether the description is valid.
  validatorUrl: null,
});
