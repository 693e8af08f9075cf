// Files may be dropped onto the form that asks for them. Without this script the form is chosen from and sent as it is.

/** @param {HTMLFormElement} form */
function takeDrops(form) {
  const input = form.querySelector("input[type=file]");
  if (!(input instanceof HTMLInputElement)) return;
  form.querySelector("[data-dropped]")?.removeAttribute("hidden");
  form.addEventListener("dragover", (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    if (!event.dataTransfer?.files.length) return;
    input.files = event.dataTransfer.files;
    form.requestSubmit();
  });
}

for (const form of document.querySelectorAll("form[data-drop]")) {
  if (form instanceof HTMLFormElement) takeDrops(form);
}
