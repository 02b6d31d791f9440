// The device table: search, filters, sorting, a hundred rows at a time.

const ROWS = 100;

/** What is shown of the devices; `states` and the others are empty when they do not matter. */
const view = { q: "", states: new Set(), site: null, cause: "", hint: "", server: "", drift: "", order: null, shown: ROWS, open: new Set() };

/** The devices in columns, and what is derived from them on demand. */
class Devices {
  constructor(columns) {
    Object.assign(this, columns);
    this.haystacks = null;
  }

  text(column, row) { return this.texts[this[column][row]]; }
  siteOf(row) { return this.text("site", row); }
  stateOf(row) { return STATES[this.state[row]]; }
  causeOf(row) { return this.cause[row] < 0 ? "" : this.causes[this.cause[row]][0]; }
  serversOf(row) { return this.server_lists[this.servers[row]].map((one) => this.texts[one]); }
  driftOf(row) { return this.drift[row] ? this.drift[row].map((one) => one.map((text) => this.texts[text])) : []; }
  othersOf(row) { return this.others[row] ? this.others[row].map((text) => this.texts[text]) : []; }

  haystack(row) {
    this.haystacks ??= new Array(this.count);
    return (this.haystacks[row] ??= [this.name[row], this.address[row], this.serial[row], this.siteOf(row), this.stateOf(row),
      this.text("message", row), ...this.serversOf(row), ...this.othersOf(row)].join("\n").toLowerCase());
  }
}

let devices = null;

const COLUMNS = [
  { title: "Device", key: "name", className: "name", value: (row) => devices.name[row] },
  { title: "Site", key: "site", className: "site", value: (row) => devices.siteOf(row) },
  { title: "State", key: "state", className: "state", value: (row) => -Number(devices.state[row]) },
  { title: "What is so", key: "message", className: "said", value: (row) => (devices.cause[row] < 0 ? "~" : "") + devices.text("message", row) },
  { title: "Offset", key: "offset", number: true, className: "offset", value: (row) => (devices.offset_s[row] === null ? null : Math.abs(devices.offset_s[row])) },
  { title: "Skew", key: "skew", number: true, className: "skew", value: (row) => (devices.skew_s[row] === null ? null : Math.abs(devices.skew_s[row])) },
  { title: "Servers", key: "servers", className: "servers", value: (row) => devices.serversOf(row).join(" ") },
  { title: "Offset over time", key: "course", className: "course" },
];

function visibleColumns() {
  const hasSites = devices.server_lists && new Set(devices.site).size > 1;
  return COLUMNS.filter(({ key }) => (key !== "course" || devices.courses) && (key !== "site" || hasSites));
}

function matching() {
  const words = view.q.toLowerCase().split(/\s+/).filter(Boolean);
  const phrase = view.q.trim().toLowerCase();
  const causes = view.cause.split(",");
  const found = [];
  for (let row = 0; row < devices.count; row += 1) {
    if (view.states.size && !view.states.has(devices.stateOf(row))) continue;
    if (view.site !== null && devices.siteOf(row) !== view.site) continue;
    if (view.cause && !causes.includes(devices.causeOf(row))) continue;
    if (view.hint && devices.text("hint", row) !== view.hint) continue;
    if (view.server && !devices.serversOf(row).includes(view.server)) continue;
    if (view.drift && !devices.driftOf(row).some(([member]) => view.drift === "*" || member === view.drift)) continue;
    if (words.length) {
      const haystack = devices.haystack(row);
      if (!haystack.includes(phrase) && !words.every((word) => haystack.includes(word))) continue;
    }
    found.push(row);
  }
  return found;
}

const isFiltered = () => Boolean(view.q || view.states.size || view.site !== null || view.cause || view.hint || view.server || view.drift);

function showDevices() {
  const printing = isPrinting();
  const columns = visibleColumns();
  const rows = printing ? [...Array(devices.count).keys()].filter((row) => devices.state[row] !== "0") : sortRows(matching(), columns, view.order);
  const shown = printing ? rows : rows.slice(0, view.shown);
  $("device-table").tHead.rows[0].replaceChildren(...columns.map((column) => heading(column, view.order, `sort:${column.key}`, () => {
    view.order = nextOrder(view.order, column);
    changed();
  })));
  $("device-table").tBodies[0].replaceChildren(...shown.flatMap((row) => deviceRows(row, columns)));
  $("count").textContent = countWords(rows.length, printing);
  $("show-more").hidden = shown.length >= rows.length;
  $("show-more").textContent = `Show ${count(Math.min(ROWS, rows.length - shown.length))} more of ${count(rows.length)}`;
}

function countWords(found, printing) {
  if (printing) return `${counted(found, "device")} of ${count(devices.count)} that are not ok:`;
  if (!devices.count) return "There are no devices.";
  if (!isFiltered()) return counted(devices.count, "device");
  return found ? `${count(found)} of ${counted(devices.count, "device")}` : `None of ${counted(devices.count, "device")} fits.`;
}

function deviceRows(row, columns) {
  const name = devices.name[row];
  const isOpen = view.open.has(name);
  const main = el("tr", { class: isOpen ? "open" : null }, columns.map((column) => CELLS[column.key](row, isOpen)));
  if (!isOpen) return [main];
  return [main, el("tr", { class: "more" }, el("td", { colspan: String(columns.length) }, details(row)))];
}

/** Names up to so many letters stand on one line. */
const LONG_NAME = 24;

const CELLS = {
  name: (row, isOpen) => el("th", { scope: "row", class: `name${devices.name[row].length > LONG_NAME ? "" : " short"}` },
    link(bdi(devices.name[row]), `device:${devices.name[row]}`, () => toggle(devices.name[row]), { "aria-expanded": String(isOpen) }),
    el("div", { class: "narrow" }, devices.siteOf(row) ? [bdi(devices.siteOf(row)), ": "] : null, bdi(devices.text("message", row)))),
  site: (row) => el("td", { class: "site" }, bdi(devices.siteOf(row) || "–")),
  state: (row) => el("td", { class: "state" }, stateWord(devices.stateOf(row))),
  message: (row) => el("td", { class: "said" }, bdi(firstSentence(devices.text("message", row))),
    devices.others[row] ? el("span", { class: "soft" }, ` and ${counted(devices.others[row].length, "more problem")}`) : null),
  offset: (row) => el("td", { class: "number offset" }, offsetWords(devices.offset_s[row])),
  skew: (row) => el("td", { class: "number skew" }, skewWords(devices.skew_s[row])),
  servers: (row) => el("td", { class: "servers" }, serversInShort(devices.serversOf(row))),
  course: (row) => el("td", { class: "course" }, course(row, "spark") ?? el("span", { class: "soft" }, "–")),
};

/** What is so; what to do about it stands in the hint. */
const firstSentence = (message) => message.split(". ", 1)[0];

const serversInShort = ([first, ...others]) => (first === undefined ? "–" : [bdi(first), others.length ? el("span", { class: "soft" }, ` +${others.length}`) : null]);

function toggle(name) {
  if (!view.open.delete(name)) view.open.add(name);
  refresh(showDevices);
}

function details(row) {
  const at = new Date(Date.parse(current.at) - devices.age_s[row] * 1000);
  const servers = devices.serversOf(row);
  const facts = [
    ["Address", bdi(devices.address[row])],
    devices.serial[row] && ["Serial", devices.serial[row]],
    devices.siteOf(row) && ["Site", bdi(devices.siteOf(row))],
    ["Servers", servers.length ? servers.map((one, place) => [place ? ", " : "", bdi(one)]) : "not told"],
    devices.text("source", row) && ["Source", bdi(devices.text("source", row))],
    ["Offset", offsetWords(devices.offset_s[row])],
    ["Skew", skewWords(devices.skew_s[row]) + (devices.uncertainty_s[row] === null ? "" : ` ± ${devices.uncertainty_s[row].toFixed(1)} s`)],
    ["Read", [time(at), devices.attempts[row] > 1 ? ` at attempt ${devices.attempts[row]}` : ""]],
  ].filter(Boolean);
  const drift = devices.driftOf(row);
  const large = course(row, "spark large");
  return el("div", { class: "details" },
    el("dl", {}, facts.map(([title, value]) => [el("dt", {}, title), el("dd", {}, value)])),
    el("div", {}, el("ul", {},
      el("li", {}, bdi(devices.text("message", row)), el("div", { class: "soft" }, bdi(devices.text("hint", row)))),
      devices.othersOf(row).map((one) => el("li", {}, bdi(one))),
      drift.map(([member, found, wanted]) => el("li", {}, bdi(member), ": ", bdi(found), el("span", { class: "soft" }, " but wanted is "), bdi(wanted))))),
    el("div", {}, devices.commands.length ? commands(devices.commands.map(({ purpose, line }) => ({ purpose, line: `${line} ${devices.term[row] || devices.name[row]}` }))) : null,
      large ? [large, el("div", { class: "soft" }, courseWords(row))] : null));
}

const LEVELS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Offsets as a line, and below it where the device was not ok. */
function course(row, className) {
  const points = devices.courses?.offsets[row];
  if (!points) return null;
  const [width, height] = [108, 16];
  const levels = [...points].filter((one) => one !== ".").map((one) => (one === "-" ? null : LEVELS.indexOf(one) / (LEVELS.length - 1)));
  if (levels.length < 2) return null;
  const ranks = [...devices.courses.states[row]].filter((one) => one !== ".");
  const step = width / levels.length;
  return svg("svg", { class: className, viewBox: "0 0 108 22", preserveAspectRatio: "none", role: "img", "aria-label": courseWords(row) },
    svg("title", {}, courseWords(row)),
    svg("path", { d: linePath(levels, width, height - 2), transform: "translate(0 1)" }),
    ranks.map((rank, place) => (rank === "0" ? null
      : svg("rect", { class: `s${rank}`, x: (place * step).toFixed(1), y: rank === "3" ? 17 : 19, width: step.toFixed(1), height: rank === "3" ? 5 : 3 }))));
}

function courseWords(row) {
  const { low_s: low, high_s: high, states, from_s: from, to_s: to } = devices.courses;
  const known = [...states[row]].filter((one) => one !== ".");
  const bad = known.filter((one) => one !== "0").length;
  const range = low[row] === null ? "no offset" : `offset from ${offsetWords(low[row])} to ${offsetWords(high[row])}`;
  return `${range}; not ok in ${bad} of ${known.length} pieces of ${bound(to - from)}`;
}

function showFilters() {
  const states = Array.from({ length: 4 }, () => 0);
  const sites = new Map();
  const causes = new Map();
  for (let row = 0; row < devices.count; row += 1) {
    states[devices.state[row]] += 1;
    sites.set(devices.siteOf(row), (sites.get(devices.siteOf(row)) ?? 0) + 1);
    if (devices.cause[row] >= 0) causes.set(devices.causeOf(row), (causes.get(devices.causeOf(row)) ?? 0) + 1);
  }
  $("filter-states").replaceChildren($("filter-states").firstElementChild, ...STATES.map((state, rank) =>
    el("button", { type: "button", class: state, "data-key": `state:${state}`, "aria-pressed": String(view.states.has(state)), onclick: () => {
      if (!view.states.delete(state)) view.states.add(state);
      changed();
    } }, icon(state), ` ${state} ${count(states[rank])}`)));
  $("filter-site-label").hidden = sites.size < 2 && view.site === null;
  const siteOptions = [...sites].sort(([one], [other]) => COLLATOR.compare(one, other)).map(([site, number]) => [`=${site}`, `${siteName(site)} (${count(number)})`]);
  options($("filter-site"), "all", siteOptions, view.site === null ? "" : `=${view.site}`, `${siteName(view.site)} (0)`);
  const words = new Map(devices.causes);
  const chosen = view.cause.split(",");
  const chosenWords = `${chosen.map((cause) => words.get(cause) ?? cause).join(" or ")} (${count(chosen.reduce((sum, cause) => sum + (causes.get(cause) ?? 0), 0))})`;
  options($("filter-cause"), "all", [...causes].map(([cause, number]) => [cause, `${words.get(cause)} (${count(number)})`]), view.cause, chosenWords);
  const tokens = [["hint", view.hint.length > 40 ? `${view.hint.slice(0, 40)}…` : view.hint], ["server", `server ${view.server}`], ["drift", view.drift === "*" ? "not as the policy wants" : `differs in ${view.drift}`]].filter(([key]) => view[key]);
  $("filter-more").replaceChildren(...tokens.map(([key, text]) => el("button", { type: "button", "data-key": `token:${key}`, "aria-label": `Remove filter: ${text}`,
    onclick: () => { view[key] = ""; changed(); } }, bdi(text), " ×")));
  if ($("filter-q").value !== view.q) $("filter-q").value = view.q;
  $("filter-clear").hidden = !isFiltered();
}

/** Fill a list of choices; what is chosen stays, even when there is none of it any more. */
function options(select, all, choices, chosen, chosenWords) {
  const known = choices.some(([value]) => value === chosen) || chosen === "" ? choices : [...choices, [chosen, chosenWords]];
  select.replaceChildren(el("option", { value: "" }, all), ...known.map(([value, text]) => el("option", { value }, text)));
  select.value = chosen;
}

/** Show what the filters say from the first row on, and put them into the address. */
function changed() {
  view.shown = ROWS;
  refresh(() => { showFilters(); showDevices(); });
  writeAddress();
}

/** Follow a click elsewhere on the page: these filters, and no others. */
function filterBy({ q = "", state = "", site = null, cause = "", hint = "", server = "", drift = "" }) {
  Object.assign(view, { q, states: new Set(state ? [state] : []), site, cause, hint, server, drift, order: null });
  changed();
  goTo("devices");
}

function writeAddress() {
  const words = new URLSearchParams();
  if (view.q) words.set("q", view.q);
  if (view.site !== null) words.set("site", view.site);
  if (view.states.size) words.set("state", STATES.filter((state) => view.states.has(state)).join(","));
  for (const key of ["cause", "hint", "server", "drift"]) if (view[key]) words.set(key, view[key]);
  if (view.order) words.set("sort", (view.order.isDown ? "-" : "") + view.order.key);
  const bare = location.href.split("#", 1)[0];
  try { history.replaceState(null, "", words.size ? `${bare}#${words}` : bare); } catch { location.hash = words.toString(); }
}

/** Give whether the address had filters. */
function readAddress() {
  const hash = location.hash.slice(1);
  if (!hash.includes("=")) return false;
  const words = new URLSearchParams(hash);
  const states = (words.get("state") ?? "").split(",").filter((state) => STATES.includes(state));
  const [, down, key] = /^(-?)(\w+)$/.exec(words.get("sort") ?? "") ?? [];
  Object.assign(view, {
    q: words.get("q") ?? "", states: new Set(states), site: words.get("site"), cause: words.get("cause") ?? "",
    hint: words.get("hint") ?? "", server: words.get("server") ?? "", drift: words.get("drift") ?? "",
    order: COLUMNS.some((column) => column.key === key && column.value) ? { key, isDown: down === "-" } : null, shown: ROWS,
  });
  return true;
}
