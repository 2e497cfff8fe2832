// Shows the token that stands behind the # of the address, and takes it out of the address.
(() => {
  "use strict";
  const token = new URLSearchParams(location.hash.slice(1)).get("access_token");
  const box = document.getElementById("token");
  if (!token || !box) return;
  box.querySelector("code").textContent = token;
  box.hidden = false;
  document.getElementById("no-token").hidden = true;
  history.replaceState(history.state, "", location.pathname + location.search);
})();
