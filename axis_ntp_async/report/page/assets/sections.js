// Headline, notes, causes, sites, servers and policy: what stands above the devices.

const tables = {
  sites: new SortableTable("sites", "Sites", [
    { title: "Site", key: "site", scope: true, value: (row) => row.site,
      cell: (row) => link(bdi(siteName(row.site)), `site:${row.site}`, () => filterBy({ site: row.site })) },
    { title: "Devices", key: "devices", number: true, value: (row) => row.devices, cell: (row) => count(row.devices) },
    { title: "In sync", key: "share", number: true, value: (row) => row.in_sync / row.devices, cell: (row) => percent(row.in_sync, row.devices) },
    { title: "", key: "bar", className: "bars", cell: (row) => stateBar(row.states, "bar") },
    ...STATES.toReversed().map((state) => ({
      title: state === "ok" ? "OK" : state, key: state, number: true, className: state === "critical" ? null : "less", value: (row) => row.states[state],
      cell: (row) => (row.states[state]
        ? link([icon(state), " ", count(row.states[state])], `site:${row.site}:${state}`,
          () => filterBy({ site: row.site, state }), { "aria-label": `${row.states[state]} ${state} of ${siteName(row.site)}` })
        : "0"),
    })),
    { title: "Share ok, over time", key: "trend", className: "course", cell: (row) => siteTrend(row) },
  ]),
  servers: new SortableTable("servers", "Time servers by site", [
    { title: "Site", key: "site", scope: true, value: (row) => row.site,
      cell: (row) => link(bdi(siteName(row.site)), `servers:${row.site}`, () => filterBy({ site: row.site })) },
    { title: "Devices", key: "devices", className: "less", number: true, value: (row) => row.devices, cell: (row) => count(row.devices) },
    { title: "Single point of failure", key: "single", value: (row) => (row.single === null ? "~" : row.single), cell: (row) => (row.single === null
      ? el("span", { class: "soft" }, row.devices ? "no" : row.unread === row.of ? "not read" : "not told")
      : el("span", { class: "single" }, icon("critical"), " ", bdi(row.single))) },
    { title: "With one server only", key: "alone", className: "alone", number: true, value: (row) => row.alone, cell: (row) => count(row.alone) },
    { title: "Servers × devices that use them", key: "servers", value: (row) => row.servers.length, cell: (row) => serverChips(row) },
  ], 15),
  drift: new SortableTable("drift", "Differences from the policy", [
    { title: "Member", key: "member", scope: true, value: (row) => row.member,
      cell: (row) => link(bdi(row.member), `drift:${row.member}:${row.found}:${row.wanted}`, () => filterBy({ drift: row.member })) },
    { title: "Found", key: "found", value: (row) => row.found, cell: (row) => bdi(row.found) },
    { title: "Wanted", key: "wanted", value: (row) => row.wanted, cell: (row) => bdi(row.wanted) },
    { title: "Devices", key: "devices", number: true, value: (row) => row.devices, cell: (row) => count(row.devices) },
    { title: "For example", key: "examples", className: "examples", cell: (row) => row.examples.map((name, place) => [place ? ", " : "", bdi(name)]) },
  ], 15),
};

/** What has nothing to say is not there, and no link leads to it. */
function showParts(data) {
  for (const id of ["clocks", "servers", "drift"]) $(id).hidden = data.devices.count === 0;
  for (const anchor of $("nav").children) anchor.hidden = $(anchor.getAttribute("href").slice(1)).hidden;
}

function showHeader(data) {
  $("source").textContent = data.source;
  const { devices, in_sync: inSync } = data.headline;
  document.title = `${devices ? `${percent(inSync, devices)} in sync` : "No devices"} · ${data.source} · NTP report`;
  const at = new Date(data.at);
  $("made").replaceChildren("as of ", time(at), ` ${zone(at)}`);
}

function showHeadline(data) {
  const { devices, in_sync: inSync, states, ok_ratio: okRatio, change } = data.headline;
  const offsets = data.headline.offset_s;
  $("headline").replaceChildren(
    el("p", { class: "share" },
      el("strong", {}, devices ? percent(inSync, devices) : "No devices"),
      el("span", { class: "of" }, devices ? `in sync: ${count(inSync)} of ${counted(devices, "device")}` : document.documentElement.dataset.mode === "live" ? "there is nothing to show yet" : "there is nothing to show")),
    stateBar(states, "strip"),
    el("ul", { class: "tiles" }, STATES.map((state) => el("li", {},
      el("button", { type: "button", class: "tile", "data-key": `tile:${state}`, "data-empty": !states[state], onclick: () => filterBy({ state }) },
        el("b", {}, count(states[state])), stateWord(state))))),
    el("p", { class: "facts" },
      devices ? el("span", {}, `${percent(states.ok, devices)} ok`, changeWords(change)) : null,
      offsets.p50 === null || devices < 3 ? null : el("span", {}, `offset: half within ${duration(offsets.p50)}, 95 % within ${duration(offsets.p95)}`),
      data.headline.unread ? el("span", {}, `${counted(data.headline.unread, "device")} could not be read`) : null,
      data.headline.plain_http ? el("span", {}, `${count(data.headline.plain_http)} over plain HTTP`) : null));
  $("headline").parentElement.classList.toggle("alone", data.trend.at.length < 2);
  return okRatio;
}

function changeWords(change) {
  if (!change) return "";
  const points = Math.round(change.change * 1000) / 10;
  const what = points === 0 ? ", as on " : `, ${points > 0 ? "▲ up" : "▼ down"} from ${percent(change.ok_ratio, 1)} on `;
  return [what, time(change.since, MINUTE)];
}

function showNotes(data) {
  $("notes").hidden = data.notes.length === 0;
  $("notes").lastElementChild.replaceChildren(
    ...data.notes.map((note) => el("p", { class: "note" }, icon("note", ""), bdi(note))));
}

function showCauses(data) {
  const alike = (one) => data.causes.filter(({ cause: other }) => other === one.cause).length;
  const parts = [...data.site_causes.map(siteCause), ...data.causes.map((one) => cause(one, alike(one) > 1))];
  $("todo").lastElementChild.replaceChildren(...(parts.length ? parts : [
    el("p", { class: "note" }, icon(data.headline.devices ? "ok" : "note", ""), data.headline.devices ? "Nothing: every device is ok." : "Nothing: there are no devices."),
  ]));
}

const SITE_TROUBLES = { time_server: "Time server suspected", wrong_time: "Wrong time suspected", network: "Network suspected" };

function siteCause(one) {
  const wanted = { site: one.site, cause: one.causes.join(",") };
  return causePanel("site", one.commands,
    el("h3", {}, icon("critical"), el("span", {}, `${SITE_TROUBLES[one.trouble] ?? one.trouble}: `, bdi(one.site)),
      link(`${count(one.affected)} of ${counted(one.of, "device")}`, `cause:${one.site}:${one.trouble}`, () => filterBy(wanted), { class: "link count" })),
    el("p", {}, bdi(one.message)),
    el("p", { class: "soft" }, one.hint, " Since ", time(one.began_at, MINUTE), "."));
}

function cause(one, hasOthers) {
  const key = `${one.cause}:${one.hint}`;
  const wanted = { cause: one.cause, hint: hasOthers ? one.hint : "", site: one.explained && one.sites.length === 1 ? one.sites[0].site : null };
  const sites = one.sites.length === 1 && one.sites[0].site === "" ? [] : one.sites;
  return causePanel("", one.commands,
    el("h3", {}, icon(one.state), el("span", { class: "unseen" }, `${one.state}: `), el("span", { class: "title" }, one.title),
      link(counted(one.devices, "device"), `cause:${key}`, () => filterBy(wanted), { class: "link count" }),
      one.explained ? el("span", { class: "soft count" }, `besides the ${count(one.explained)} explained above`) : null),
    el("p", {}, one.is_example ? el("span", { class: "soft" }, "for example ") : null, bdi(`${one.examples[0]}: ${one.message}`)),
    el("p", { class: "soft" }, one.hint),
    sites.length ? el("p", { class: "where" }, sites.map(({ site, devices }) =>
      link([bdi(siteName(site)), ` ${count(devices)}`], `cause:${key}:${site}`, () => filterBy({ ...wanted, site }))),
      one.more_sites ? `and ${counted(one.more_sites, "more site")}` : null) : null);
}

function causePanel(className, list, ...parts) {
  const lines = commands(list);
  return el("article", { class: `cause ${className}${lines ? "" : " alone"}` }, el("div", {}, parts), lines);
}

function showSites(data) {
  const rows = data.sites;
  const hasTrend = rows.some((row) => row.trend.length > 1);
  $("sites").hidden = rows.length === 0 || (rows.length === 1 && rows[0].site === "");
  const table = tables.sites;
  table.all ??= table.columns;
  table.columns = hasTrend ? table.all : table.all.filter((column) => column.key !== "trend");
  $("sites").lastElementChild.replaceChildren(table.show(rows));
}

function siteTrend(row) {
  const known = row.trend.filter((one) => one !== null);
  if (known.length < 2) return el("span", { class: "soft" }, "–");
  const words = `share ok from ${percent(known[0], 1)} to ${percent(known.at(-1), 1)}, lowest ${percent(Math.min(...known), 1)}`;
  return svg("svg", { class: "spark", viewBox: "0 0 108 22", preserveAspectRatio: "none", role: "img", "aria-label": words },
    svg("title", {}, words),
    svg("path", { class: "base", d: "M0 21.5H108" }),
    svg("path", { d: linePath(row.trend, 108, 20), transform: "translate(0 1)" }));
}

function showServers(data) {
  const singles = data.servers.filter((row) => row.single !== null);
  const alone = data.servers.reduce((sum, row) => sum + row.alone, 0);
  const unknown = data.servers.filter((row) => !row.devices).length;
  const lead = unknown === data.servers.length ? null : el("p", { class: "lead" },
    singles.length
      ? el("strong", { class: "single" }, `${counted(singles.length, "site")} with a single point of failure`)
      : "No site depends on one server alone",
    alone ? `; ${counted(alone, "device")} with one server only` : "",
    unknown ? `; of ${counted(unknown, "site")} nothing is known.` : ".");
  $("servers").lastElementChild.replaceChildren(...(lead ? [lead, tables.servers.show(data.servers)]
    : [el("p", { class: "nothing" }, "No device told its time servers.")]));
}

const MOST_CHIPS = 6;

function serverChips(row) {
  const chips = row.servers.slice(0, MOST_CHIPS).map((one) => el("button", {
    type: "button", class: `chip${2 * one.troubled >= one.devices ? " bad" : ""}`, "data-key": `server:${row.site}:${one.server}`,
    onclick: () => filterBy({ site: row.site, server: one.server }),
  }, bdi(one.server), ` × ${count(one.devices)}`,
  one.troubled ? [" ", 2 * one.troubled >= one.devices ? icon("critical") : "·", ` ${count(one.troubled)} in trouble`] : null));
  const more = row.servers.length + row.more - chips.length;
  return el("div", { class: "chips" }, chips, more > 0 ? el("span", { class: "soft" }, `and ${counted(more, "more")}`.replace(/s$/, "")) : null);
}

function showDrift(data) {
  const { rows, drifted, compared, more } = data.drift;
  const body = $("drift").lastElementChild;
  if (!rows.length) {
    const words = data.policy === null ? "Nothing was compared: no policy was given."
      : compared ? [`As wanted: ${counted(compared, "device")} compared with `, bdi(data.policy), "."] : ["No device could be compared with ", bdi(data.policy), "."];
    body.replaceChildren(el("p", { class: "nothing" }, words));
    return;
  }
  body.replaceChildren(
    el("p", { class: "lead" }, link(counted(drifted, "device"), "drift:any", () => filterBy({ drift: "*" })),
      data.policy === null ? " not as wanted." : [` of ${count(compared)} compared are not as `, bdi(data.policy), " wants."]),
    tables.drift.show(rows),
    ...(more ? [el("p", { class: "soft" }, `and ${counted(more, "more difference")}`)] : []));
}
