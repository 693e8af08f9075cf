// The box does not know the time, and this browser does: one button tells it, and nothing is typed.

const form = /** @type {HTMLFormElement | null} */ (document.querySelector("form[data-clock]"));
const typed = form?.querySelector("[data-typed]");
const shown = form?.querySelector("[data-shown]");
const utc = /** @type {HTMLInputElement | null | undefined} */ (form?.querySelector("input[name=utc]"));
const words = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "full", timeStyle: "short" });

function show() {
  if (shown) shown.textContent = words.format(new Date());
}

if (form && typed && shown && utc) {
  typed.remove();
  shown.closest("[hidden]")?.removeAttribute("hidden");
  show();
  setInterval(show, 1_000);
  form.addEventListener("submit", () => {
    utc.value = String(Math.round(Date.now() / 1000));
  });
}
