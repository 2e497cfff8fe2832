// Draws the description that the page names.
const place = document.getElementById("description");
SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  tagsSorter: "alpha",
  // Nothing is sent to a validator elsewhere.
  validatorUrl: null,
});
