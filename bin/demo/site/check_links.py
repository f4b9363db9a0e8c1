#!/usr/bin/env python3
"""Finds links and pages of this site that lead nowhere; ends with 1 when there is one."""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

SITE = Path(__file__).resolve().parent
START = "index.html"


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.targets = []
        self.anchors = set()

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.targets.append(value)
            elif name == "id":
                self.anchors.add(value)


def read(page):
    links = Links()
    links.feed((SITE / page).read_text(encoding="utf-8"))
    return links


def troubles():
    pages = {page.name: read(page.name) for page in sorted(SITE.glob("*.html"))}
    linked = {START}
    for page, links in pages.items():
        for target in links.targets:
            if urlsplit(target).scheme:
                continue
            file, anchor = urldefrag(target)
            file = file or page
            linked.add(file)
            if not (SITE / file).is_file():
                yield f"{page}: {target} leads nowhere"
            elif anchor and file in pages and anchor not in pages[file].anchors:
                yield f"{page}: {file} has no place called #{anchor}"
    for page in pages.keys() - linked:
        yield f"{page}: no page links to it"


def main():
    found = list(troubles())
    for line in found:
        print(line)
    print(f"{len(found)} dead links and lost pages")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
