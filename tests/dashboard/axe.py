"""What would keep somebody out of a page: axe-core's findings, and what does not fit."""

from pathlib import Path

import axe_playwright_python
from playwright.sync_api import Page

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text()
ALL: dict[str, object] = {
    "type": "tag",
    "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
}
CONTRAST: dict[str, object] = {"type": "rule", "values": ["color-contrast"]}
"""All that depends on the colours."""


def violations(page: Page, rules: dict[str, object] = ALL) -> list[str]:
    """What axe-core finds against WCAG A and AA."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE)
    result = page.evaluate("rules => axe.run(document, { runOnly: rules })", rules)
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in result["violations"]
        for node in each["nodes"][:3]
    ]


def too_wide(page: Page) -> list[str]:
    """What of a page does not fit its window's width."""
    wide = page.evaluate(
        """() => {
            const most = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= most) return [];
            return [...document.querySelectorAll('main *')]
                .filter((each) => each.getBoundingClientRect().right > most + 1)
                .map((each) => each.outerHTML.slice(0, 120));
        }"""
    )
    return list(wide)
