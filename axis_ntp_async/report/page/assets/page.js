// The page comes alive: what is shown when, colours, paper, and news from a server.

let current = null;

function show(data) {
  current = data;
  devices = new Devices(data.devices);
  showHeader(data);
  showHeadline(data);
  showNotes(data);
  showCauses(data);
  showSites(data);
  showServers(data);
  showDrift(data);
  showParts(data);
  showFilters();
  showDevices();
  showCharts(data);
}

function goTo(id) {
  $(id).focus({ preventScroll: true });
  $(id).scrollIntoView();
}

/** Show newer data where the reader is: what is looked at stays where it is. */
function update(data) {
  const marks = [document.activeElement, ...document.querySelectorAll("#report [data-key]")];
  const looked = marks.find((one) => one?.dataset.key && topOf(one) > 60 && topOf(one) < innerHeight);
  const [key, before] = [looked?.dataset.key, looked && topOf(looked)];
  refresh(() => show(data));
  const found = key && scrollY > 0 && withKey(key);
  if (found) scrollBy({ top: topOf(found) - before, behavior: "instant" });
}

const topOf = (element) => element.getBoundingClientRect().top;

function remembered(theme) {
  try {
    if (theme) localStorage.setItem("axis-ntp-theme", theme);
    return localStorage.getItem("axis-ntp-theme");
  } catch {
    return null;
  }
}

const isDark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};

function startTheme() {
  const chosen = remembered();
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
  const name = () => { $("theme").textContent = isDark() ? "Light colours" : "Dark colours"; };
  const redraw = () => { name(); showCharts(current); };
  $("theme").hidden = false;
  $("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    remembered(document.documentElement.dataset.theme);
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  name();
}

function onPaper(isBegin) {
  const root = document.documentElement;
  if (isBegin === isPrinting()) return;
  if (isBegin) root.dataset.printing = "";
  else delete root.dataset.printing;
  showSites(current);
  showServers(current);
  showDrift(current);
  showDevices();
  showCharts(current);
}

function startPrinting() {
  addEventListener("beforeprint", () => onPaper(true));
  addEventListener("afterprint", () => onPaper(false));
  matchMedia("print").addEventListener("change", ({ matches }) => onPaper(matches));
}

function startFilters() {
  let waiting = 0;
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("filter-q").addEventListener("input", () => {
    view.q = $("filter-q").value;
    clearTimeout(waiting);
    waiting = setTimeout(changed, 80);
  });
  $("filter-site").addEventListener("change", ({ target }) => { view.site = target.value === "" ? null : target.value.slice(1); changed(); });
  $("filter-cause").addEventListener("change", ({ target }) => { view.cause = target.value; changed(); });
  $("filter-clear").addEventListener("click", () => { filterBy({}); $("filter-q").focus({ preventScroll: true }); });
  $("show-more").addEventListener("click", () => {
    const first = view.shown;
    view.shown += ROWS;
    showDevices();
    if ($("show-more").hidden) document.querySelectorAll("#device-table tbody .name button")[first]?.focus();
  });
  addEventListener("hashchange", () => { if (readAddress()) { showFilters(); showDevices(); goTo("devices"); } });
  document.addEventListener("click", (event) => {
    const anchor = event.target instanceof Element && event.target.closest("a[href^='#']");
    if (!anchor) return;
    event.preventDefault();
    goTo(anchor.getAttribute("href").slice(1));
  });
}

/** Listen to a server, and say so; when it is lost, say that, and try again. */
function startLive() {
  const say = (isLost, ...words) => { $("live").classList.toggle("lost", isLost); $("live").replaceChildren(...words); };
  const updated = () => say(false, "live, updated ", time(current.at, CLOCK));
  const lost = () => say(true, "connection lost, trying again; shown is ", time(current.at, CLOCK));
  let isFetching = false;
  const fetchNews = async () => {
    if (isFetching) return;
    isFetching = true;
    try {
      const answer = await fetch("page.json", { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const news = await answer.json();
      if (news.at !== current.at || String(news.notes) !== String(current.notes)) update(news);
      updated();
    } catch {
      lost();
    } finally {
      isFetching = false;
    }
  };
  let isFirst = true;
  const listen = () => {
    const source = new EventSource("events");
    source.addEventListener("open", () => { if (isFirst) { isFirst = false; updated(); } else fetchNews(); });
    source.addEventListener("sweep", fetchNews);
    source.addEventListener("error", () => {
      lost();
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
    });
  };
  listen();
}

function start() {
  $("plain").remove();
  $("report").hidden = false;
  $("nav").hidden = false;
  const isLinked = readAddress();
  startTheme();
  show(JSON.parse($("data").textContent));
  startFilters();
  startPrinting();
  if (document.documentElement.dataset.mode === "live") startLive();
  if (isLinked) goTo("devices");
}

start();
