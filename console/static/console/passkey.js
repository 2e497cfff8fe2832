// Buttons that ask the browser for a passkey: data-passkey holds what it is asked; the answer goes into the form.
const asks = globalThis.PublicKeyCredential;
const able = asks?.parseRequestOptionsFromJSON && asks.parseCreationOptionsFromJSON;
const show = (root) => {
  if (able) root.querySelectorAll("[data-passkey-box][hidden]").forEach((box) => { box.hidden = false; });
};
show(document);
document.addEventListener("htmx:load", (event) => show(event.target));
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-passkey]");
  if (!button) return;
  const { form } = button, status = button.parentElement.querySelector("[role=status]");
  const publicKey = JSON.parse(button.dataset.passkey);
  const field = form.elements[button.dataset.into];
  if (publicKey.user && !form.reportValidity()) return;
  status.textContent = "";
  try {
    const key = publicKey.user
      ? await navigator.credentials.create({ publicKey: asks.parseCreationOptionsFromJSON(publicKey) })
      : await navigator.credentials.get({ publicKey: asks.parseRequestOptionsFromJSON(publicKey) });
    field.value = JSON.stringify(key.toJSON());
  } catch (error) {
    status.textContent = error.name === "InvalidStateError" ? button.dataset.known : button.dataset.unused;
    return;
  }
  if (button.dataset.then === "stay") {
    button.disabled = true;
    status.textContent = button.dataset.proven;
    form.querySelectorAll(`[name=${button.dataset.instead}]`).forEach((one) => { one.required = false; });
  } else form.submit();
});
