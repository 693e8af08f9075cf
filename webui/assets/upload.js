// Shows how far a long file is on its way to the box. Without this script the browser sends the form by itself.

/** @param {HTMLFormElement} form */
function showWay(form) {
  const bar = form.querySelector("progress");
  const button = form.querySelector("button");
  const input = form.querySelector("input[type=file]");
  if (!bar || !button || !(input instanceof HTMLInputElement)) return;
  form.addEventListener("submit", (event) => {
    if (!input.files?.length) return;
    event.preventDefault();
    const request = new XMLHttpRequest();
    request.upload.addEventListener("progress", (sent) => {
      if (sent.lengthComputable) bar.value = (100 * sent.loaded) / sent.total;
    });
    // What became of it, this page says itself.
    for (const end of ["load", "error", "abort"]) request.addEventListener(end, () => location.assign(form.action));
    request.open("POST", form.action);
    request.send(new FormData(form));
    button.disabled = true;
    bar.closest("[hidden]")?.removeAttribute("hidden");
  });
}

for (const form of document.querySelectorAll("form[data-progress]")) {
  if (form instanceof HTMLFormElement) showWay(form);
}
