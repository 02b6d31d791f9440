// What all parts of the page share: elements, words, numbers, times.
// Texts become text nodes, and nothing else: there is no innerHTML in these files.

const STATES = ["ok", "warning", "unknown", "critical"];
const NO_SITE = "(no site)";
const SVG = "http://www.w3.org/2000/svg";

/** Paper has no controls, and shows everything that is not ok. */
const isPrinting = () => document.documentElement.dataset.printing !== undefined;

const $ = (id) => document.getElementById(id);

/** Make an element; `on…` are listeners, `null` and `false` are left out. */
function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A text of a stranger, which cannot change the direction of what is around it. */
const bdi = (text) => el("bdi", {}, text);

const icon = (name, className = name) =>
  svg("svg", { class: `icon ${className}`, "aria-hidden": "true" }, svg("use", { href: `#icon-${name}` }));

const stateWord = (state) => el("span", { class: `state ${state}` }, icon(state), " ", state);

/** A button that looks like a link; `key` finds it again when the page was refreshed. */
const link = (content, key, onclick, attributes = {}) =>
  el("button", { type: "button", class: "link", "data-key": key, onclick, ...attributes }, content);

const siteName = (site) => site || NO_SITE;

const COUNTS = new Intl.NumberFormat("en");
const count = (number) => COUNTS.format(number);
const counted = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

/** A share in percent; 100 and 0 are said only when it is all and none. */
function percent(part, whole) {
  if (!whole) return "–";
  if (part <= 0 || part >= whole) return part <= 0 ? "0 %" : "100 %";
  return `${Math.min(99.9, Math.max(0.1, (100 * part) / whole)).toFixed(1)} %`;
}

const UNITS = [[31557600, "a"], [86400, "d"], [3600, "h"], [60, "min"], [1, "s"], [1e-3, "ms"], [1e-6, "µs"]];

/** Seconds without a sign, in the unit that suits them, with three digits. */
function duration(seconds) {
  const size = Math.abs(seconds);
  if (size === 0) return "0 ms";
  const [unit, name] = UNITS.find(([one]) => size >= (one > 1 ? 2 * one : one)) ?? UNITS.at(-1);
  const value = size / unit;
  return `${value >= 100 ? count(Math.round(value)) : value.toFixed(value >= 10 ? 1 : 2)} ${name}`;
}

/** A bound as people write it: 100 ms, 1 s, 1 min. */
function bound(seconds) {
  const [unit, name] = UNITS.find(([one]) => seconds >= one) ?? UNITS.at(-1);
  return `${+(seconds / unit).toPrecision(4)} ${name}`;
}

const sign = (number) => (number > 0 ? "+" : number < 0 ? "−" : "");
const offsetWords = (seconds) => (seconds === null ? "–" : sign(seconds) + duration(seconds));

/** A skew; more digits than one would be a lie. */
function skewWords(seconds) {
  if (seconds === null) return "–";
  const size = Math.abs(seconds);
  return sign(Math.round(seconds * 10)) + (size < 120 ? `${size.toFixed(1)} s` : duration(size));
}

// Times are told in 24 hours, whatever the reader's language has: logs and overlays have these, too.
const timeFormat = (how) => new Intl.DateTimeFormat(undefined, { ...how, hourCycle: "h23" });
const LONG = timeFormat({ dateStyle: "medium", timeStyle: "medium" });
const MINUTE = timeFormat({ dateStyle: "medium", timeStyle: "short" });
const CLOCK = timeFormat({ timeStyle: "medium" });
const SHORT = timeFormat({ hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const ZONE = new Intl.DateTimeFormat(undefined, { timeZoneName: "short" });
const utc = (date) => `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
const zone = (date) => ZONE.formatToParts(date).find((part) => part.type === "timeZoneName").value;

/** A time in the reader's zone; UTC shows when one points at it. */
function time(when, format = LONG) {
  const date = new Date(when);
  return el("time", { datetime: date.toISOString(), title: utc(date) }, format.format(date));
}

const COLLATOR = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/** A small bar of devices by state. */
function stateBar(states, className) {
  const parts = STATES.filter((state) => states[state]).map((state) => {
    const part = el("i", { class: state });
    part.style.flexGrow = states[state];
    return part;
  });
  return el("div", { class: className, "aria-hidden": "true" }, parts);
}

const copyable = Boolean(navigator.clipboard && navigator.clipboard.writeText);

/** A line that breaks between its words, and within one only where that is wider than the line. */
const inWords = (line) => line.split(/( )/).map((part) => (part.trim() ? el("span", { class: "word" }, part) : part));

/** A command with what it is for; the button is there when the browser can copy. */
function command({ purpose, line }) {
  const button = copyable && el("button", { type: "button", "data-key": `copy:${line}`, "aria-label": `Copy: ${purpose}` }, "Copy");
  if (button) {
    button.addEventListener("click", async () => {
      const done = await navigator.clipboard.writeText(line).then(() => true, () => false);
      button.textContent = done ? "Copied" : "Select it";
      setTimeout(() => { button.textContent = "Copy"; }, 1600);
    });
  }
  return el("div", {},
    el("div", { class: "purpose" }, purpose),
    el("div", { class: "command" }, el("code", { tabindex: "0" }, el("span", {}, inWords(line))), button || null));
}

const commands = (list) => (list.length ? el("div", { class: "commands" }, list.map(command)) : null);

/** A line through shares or offsets, from 0 to 1; `null` leaves a gap. */
function linePath(values, width, height) {
  let path = "";
  let drawing = false;
  values.forEach((value, place) => {
    if (value === null) { drawing = false; return; }
    const x = ((place + 0.5) * width) / values.length;
    const y = height - value * height;
    path += `${drawing ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}${drawing ? "" : "h.01"}`;
    drawing = true;
  });
  return path;
}

/**
 * A table whose headings sort it.
 * Columns: {title, key, cell(row), value(row)?, number?, scope?, className?}; without `value` no sorting.
 */
class SortableTable {
  constructor(name, caption, columns, most = 25) {
    Object.assign(this, { name, caption, columns, most, order: null, isAll: false, rows: [] });
    this.root = el("div");
  }

  show(rows) {
    this.rows = rows;
    const sorted = sortRows(rows, this.columns, this.order);
    const shown = this.isAll || isPrinting() ? sorted : sorted.slice(0, this.most);
    const head = this.columns.map((column) => heading(column, this.order, `${this.name}:sort:${column.key}`, () => {
      this.order = nextOrder(this.order, column);
      refresh(() => this.show(this.rows));
    }));
    const body = shown.map((row) => el("tr", {}, this.columns.map((column) => {
      const attributes = { class: cellClass(column, row) };
      return column.scope ? el("th", { scope: "row", ...attributes }, column.cell(row)) : el("td", attributes, column.cell(row));
    })));
    const more = shown.length < rows.length && el("p", { class: "end" },
      el("button", { type: "button", "data-key": `${this.name}:all`, onclick: () => { this.isAll = true; this.show(this.rows); } },
        `Show all ${count(rows.length)}`));
    this.root.replaceChildren(
      el("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": this.caption },
        el("table", {}, el("caption", { class: "unseen" }, this.caption),
          el("thead", {}, el("tr", {}, head)), el("tbody", {}, body))),
      ...(more ? [more] : []));
    return this.root;
  }
}

function cellClass(column, row) {
  const words = [column.className ?? ""];
  if (column.number) words.push("number");
  if (column.number && column.value?.(row) === 0) words.push("zero");
  return words.join(" ").trim() || null;
}

function heading(column, order, key, onclick) {
  const sorted = order?.key === column.key ? (order.isDown ? "descending" : "ascending") : "none";
  const attributes = { scope: "col", class: [column.className, column.number && "number"].filter(Boolean).join(" ") || null };
  if (!column.value || isPrinting()) return el("th", attributes, el("span", { class: "plain" }, column.title));
  return el("th", { ...attributes, "aria-sort": sorted },
    el("button", { type: "button", "data-key": key, onclick }, column.title));
}

/** Numbers begin with the largest, words with the first; the third click gives the first order back. */
function nextOrder(order, column) {
  const first = Boolean(column.number);
  if (order?.key !== column.key) return { key: column.key, isDown: first };
  return order.isDown === first ? { key: column.key, isDown: !first } : null;
}

function sortRows(rows, columns, order) {
  const column = order && columns.find((one) => one.key === order.key && one.value);
  if (!column) return rows;
  const keyed = rows.map((row) => [column.value(row), row]);
  const direction = order.isDown ? -1 : 1;
  keyed.sort(([one], [other]) => {
    if (one === null || other === null) return (one === null) - (other === null);
    return direction * (typeof one === "string" ? COLLATOR.compare(one, other) : one - other);
  });
  return keyed.map(([, row]) => row);
}

/** Draw anew, and give the focus back to what had it. */
function refresh(draw) {
  const key = document.activeElement?.dataset?.key;
  draw();
  if (key && document.activeElement?.dataset?.key !== key) {
    withKey(key)?.focus({ preventScroll: true });
  }
}

const withKey = (key) => [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key);
