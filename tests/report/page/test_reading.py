"""The page as different people read it: in the dark, by keyboard, by ear, on paper, on a phone."""

from typing import Any, Final

import pytest

from axis_ntp_async.report.page.report import Report

ROWS: Final = "#device-table tbody tr:not(.more)"

pytestmark = pytest.mark.asyncio(loop_scope="module")


CONTRAST: Final = """
() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((one) => one / 255)
    .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((sum, one, place) => sum + one * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const [r, g, b, alpha = 1] = numbers(getComputedStyle(one).backgroundColor);
      if (alpha > 0) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const found = new Map();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.closest("script, option, .unseen")) continue;
    const pair = [light(numbers(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (ratio < 4.5) found.set(`${element.tagName}.${element.className}`, ratio.toFixed(2));
  }
  return [...found];
}
"""


async def test_dark_and_light_are_readable(opened: Any, write: Any, full: Report) -> None:
    """The system decides, a button decides otherwise, and that is remembered."""
    for scheme, button in (("light", "Dark colours"), ("dark", "Light colours")):
        async with opened(
            f"{write(full, 'full')}#site=lyon&state=critical", color_scheme=scheme
        ) as one:
            tab = one.tab
            await tab.locator(f"{ROWS} th button").first.click()
            assert await tab.evaluate(CONTRAST) == []
            page_colour = "getComputedStyle(document.body).backgroundColor"
            before = await tab.evaluate(page_colour)
            await tab.click(f"#theme:has-text('{button}')")
            assert await tab.evaluate(page_colour) != before
            assert await tab.evaluate(CONTRAST) == []
            await tab.reload()
            assert await tab.evaluate(page_colour) != before


async def test_the_keyboard_reaches_everything(opened: Any, write: Any, full: Report) -> None:
    """The skip link leads to the table; Enter sorts, and the focus stays where it was."""
    async with opened(write(full, "full")) as one:
        tab = one.tab
        await tab.keyboard.press("Tab")
        assert await tab.evaluate("document.activeElement.className") == "skip"
        await tab.keyboard.press("Enter")
        assert await tab.evaluate("document.activeElement.id") == "devices"
        for _ in range(30):
            await tab.keyboard.press("Tab")
            key = await tab.evaluate("document.activeElement.dataset.key || ''")
            if key == "sort:name":
                break
        assert key == "sort:name"
        await tab.keyboard.press("Enter")
        assert await tab.evaluate("document.activeElement.dataset.key") == "sort:name"
        assert await tab.locator("#device-table th >> nth=0").get_attribute("aria-sort") == (
            "ascending"
        )
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert await tab.evaluate(outline) == "solid"


@pytest.mark.parametrize("width", [360, 768, 1920])
async def test_no_width_scrolls_sideways(
    opened: Any, write: Any, full: Report, hostile: Report, width: int
) -> None:
    """Wide tables scroll in themselves; the page does not."""
    how = {"viewport": {"width": width, "height": 800}}
    for report, name in ((full, "full"), (hostile, "hostile")):
        async with opened(write(report, name), **how) as one:
            wide = "document.documentElement.scrollWidth"
            assert await one.tab.evaluate(wide) <= width
            await one.tab.locator(f"{ROWS} th button").first.click()
            assert await one.tab.evaluate(wide) <= width


async def test_commands_are_seen_to_their_end(opened: Any, write: Any, full: Report) -> None:
    """They wrap between words; what is selected is the line as it is to be pasted."""
    async with opened(write(full, "full"), viewport={"width": 390, "height": 800}) as one:
        code = one.tab.locator("#todo .command code", has_text=" apply ").first
        box = "one => [one.scrollWidth <= one.clientWidth, one.clientHeight > 40]"
        assert await code.evaluate(box) == [True, True]
        line = "axis-ntp apply fleet.toml --policy policy.toml --limit "
        await code.click()
        assert (await one.tab.evaluate("String(getSelection())")).startswith(line)
        for width in await code.locator(".word").evaluate_all(
            "words => words.map((one) => one.getClientRects().length)"
        ):
            assert width == 1


async def test_no_short_name_is_broken(opened: Any, write: Any, fleet: Any) -> None:
    """Neither of a device nor of a site; a long one is, between its words."""
    long = "parkoviste-severni-strana-podzemni-podlazi-2"
    fleet.device("madrid-entrance-12", "madrid", synced=False)
    fleet.device(long, long, synced=False)
    async with opened(
        write(fleet.report(), "names"), viewport={"width": 680, "height": 800}
    ) as one:
        lines = "one => { const range = document.createRange(); range.selectNodeContents(one);"
        lines += " return new Set([...range.getClientRects()].map((r) => r.top)).size }"
        for where, text in ((".name button", "madrid-entrance-12"), (".site", "madrid")):
            found = one.tab.locator(f"#device-table tbody {where} bdi:text-is('{text}')")
            assert await found.evaluate(lines) == 1
        site = one.tab.locator("#device-table .site bdi", has_text=long)
        assert await site.evaluate(lines) > 1


async def test_paper_is_wide_enough(opened: Any, write: Any, full: Report) -> None:
    """No table is cut at the right edge of A4, with margins."""
    async with opened(write(full, "full"), viewport={"width": 703, "height": 900}) as one:
        await one.tab.emulate_media(media="print")
        await one.tab.wait_for_selector("text=98 devices of 421 that are not ok:")
        wide = "document.documentElement.scrollWidth"
        assert await one.tab.evaluate(wide) <= 703


async def test_paper_shows_every_problem(opened: Any, write: Any, full: Report) -> None:
    """Whatever was filtered: light, without controls; afterwards all is as it was."""
    async with opened(f"{write(full, 'full')}#site=riga", color_scheme="dark") as one:
        tab = one.tab
        await tab.emulate_media(media="print", color_scheme="dark")
        await tab.wait_for_selector("text=98 devices of 421 that are not ok:")
        assert await tab.locator(ROWS).count() == 98
        for control in ("#filters", "#theme", "nav", "#show-more", ".command button >> nth=0"):
            assert not await tab.locator(control).is_visible(), control
        assert await tab.evaluate("getComputedStyle(document.querySelector('h1')).color") == (
            "rgb(27, 33, 38)"
        )
        assert await tab.locator("#scatter-chart").is_visible()
        assert len(await tab.pdf(format="A4")) > 50_000
        await tab.emulate_media(media="screen")
        await tab.wait_for_selector("text=34 of 421 devices")


CHECKS: Final = """
() => {
  const faults = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const name = (one) => (one.getAttribute("aria-label") || one.textContent || "").trim();
  if (!document.documentElement.lang) faults.push("no language");
  if (all("h1").length !== 1) faults.push("not one h1");
  let level = 0;
  for (const one of all("h1, h2, h3, h4")) {
    if (!one.checkVisibility()) continue;
    if (Number(one.tagName[1]) > level + 1) faults.push(`heading skips: ${one.textContent}`);
    level = Number(one.tagName[1]);
  }
  for (const tag of ["header", "main", "nav"])
    if (all(tag).length !== 1) faults.push(`not one ${tag}`);
  for (const one of all("button, a")) if (!name(one)) faults.push(`no name: ${one.outerHTML}`);
  for (const one of all("input, select"))
    if (!one.labels.length) faults.push(`no label: ${one.id}`);
  for (const one of all("canvas, svg:not([aria-hidden])"))
    if (one.checkVisibility() && (one.role !== "img" || !one.ariaLabel))
      faults.push(`no alternative: ${one.id}`);
  for (const one of all("table")) {
    if (!one.caption) faults.push("a table without a caption");
    if (!one.querySelector("thead th[scope=col]")) faults.push("a table without headings");
  }
  for (const one of all("section")) {
    const title = document.getElementById(one.getAttribute("aria-labelledby"));
    if (!title) faults.push(`a section without a title: ${one.id}`);
  }
  const ids = all("[id]").map((one) => one.id);
  const again = ids.filter((one, place) => ids.indexOf(one) !== place);
  faults.push(...again.map((one) => `twice: ${one}`));
  for (const one of all("[tabindex]")) if (one.tabIndex > 0) faults.push("a tabindex above 0");
  if (all("#count[aria-live]").length !== 1) faults.push("the count is not told");
  return faults;
}
"""


async def test_a_screen_reader_finds_its_way(opened: Any, write: Any, full: Report) -> None:
    """Landmarks, headings, names, labels, captions, alternatives."""
    async with opened(f"{write(full, 'full')}#q=lyon-dock-3") as one:
        await one.tab.locator(f"{ROWS} th button").first.click()
        assert await one.tab.evaluate(CHECKS) == []
        await one.tab.click("#scatter-table summary")
        assert "follows a wrong server" in await one.tab.inner_text("#scatter-table")


async def test_without_javascript_there_is_a_summary(
    opened: Any, write: Any, full: Report
) -> None:
    """What mail previews show."""
    async with opened(write(full, "full"), java_script_enabled=False) as one:
        assert await one.tab.locator("h2:has-text('79.1 % in sync')").is_visible()
        assert not await one.tab.locator("#report").is_visible()
