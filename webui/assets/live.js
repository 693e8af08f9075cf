// Keeps an open page true: live values by server-sent events, ages each second, the rest once a minute.
// Everything it writes comes from the server in the reader's language; without it the page is only older.

/** A page on which something is under way says how soon it wants to be looked at again. */
const REFRESH_MS = Number(document.body.dataset.refreshMs ?? 60_000);
const AGE_MS = 1_000;

/** @typedef {{series: string, point: string, at: number, now: number, number: string, unit_shown: string}} LiveValue */

/** @type {[number, string][]} Seconds and the words for them, longest first. */
const ages = JSON.parse(document.body.dataset.ages ?? "[]");
const justNow = document.body.dataset.justNow ?? "";
const language = document.documentElement.lang;
/** The box's clock minus this browser's, so that a tablet with a wrong clock shows right ages. */
let ahead = boxAhead(document);
/** @type {EventSource | null} */
let source = null;
/** @type {number | undefined} */
let refreshing;

/** @param {Document} page A page that has just come. @returns {number} */
function boxAhead(page) {
  return Number(page.body.dataset.now) - Date.now() / 1000;
}

/** @param {number} seconds @returns {string} */
function age(seconds) {
  const found = ages.find(([step]) => seconds >= step);
  return found ? found[1].replace("{n}", String(Math.floor(seconds / found[0]))) : justNow;
}

/** @param {Element} element @param {string} text */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function writeAges() {
  const now = Date.now() / 1000 + ahead;
  for (const element of document.querySelectorAll("[data-age]")) {
    write(element, age(now - Number(element.getAttribute("data-age"))));
  }
}

/** @param {MessageEvent<string>} event */
function onValue(event) {
  /** @type {LiveValue} */
  const value = JSON.parse(event.data);
  ahead = value.now - Date.now() / 1000;
  for (const element of document.querySelectorAll(`[data-series="${CSS.escape(value.series)}"]`)) {
    write(element, value.number);
    if (element.nextElementSibling) write(element.nextElementSibling, value.unit_shown);
  }
  for (const element of document.querySelectorAll(`[data-point="${CSS.escape(value.point)}"] [data-age]`)) {
    element.setAttribute("data-age", String(value.now));
  }
  // What a page makes of a value that it watches, the box says in the reader's language.
  if (document.querySelector(`[data-watch="${CSS.escape(value.series)}"]`)) void refresh();
}

/** Takes the parts marked `data-fresh` from a new copy of this page, unless somebody is in the middle of them. */
async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  ahead = boxAhead(fresh);
  for (const element of document.querySelectorAll("[data-fresh]")) {
    const name = CSS.escape(element.getAttribute("data-fresh") ?? "");
    const found = fresh.querySelector(`[data-fresh="${name}"]`);
    if (found && !element.contains(document.activeElement) && found.innerHTML !== element.innerHTML) {
      element.innerHTML = found.innerHTML;
    }
  }
}

function open() {
  if (source || document.hidden) return;
  source = new EventSource(`/api/v1/live?lang=${language}`);
  // It tells of nothing that came since the page was written, or while the line was cut.
  source.addEventListener("open", () => void refresh());
  source.addEventListener("value", onValue);
  source.addEventListener("state", () => void refresh());
  refreshing = window.setInterval(() => void refresh(), REFRESH_MS);
}

/** A browser opens six connections to a box at most; a hidden tab gives its own back. */
function close() {
  source?.close();
  source = null;
  window.clearInterval(refreshing);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) close();
  else open();
});
window.addEventListener("pagehide", close);
window.addEventListener("pageshow", open);
window.setInterval(writeAges, AGE_MS);
open();
