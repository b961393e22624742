"""Several versions of the site side by side: each under its own folder, the list of them at the root.

    python tools/versions.py ROOT    put the built site, _docs/, under ROOT/<version>/ and write ROOT/versions.json

Pages that read the list are nbs/versions.js's affair. With a `site_url` in settings.ini, that of the root, every page names as
canonical the same page of the newest version, or itself where that has none; other addresses of the site lead into the version.
"""

import json
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "nbs"))

from _order import particulars  # noqa: E402

CANONICAL = re.compile(r'<link rel="canonical" href="[^"]*">')
BASE = re.compile(r'<base href="[^"]*">')
FIRST = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta http-equiv="refresh" content="0; url={version}/index.html">
</head><body><p><a href="{version}/index.html">{title} {version}</a></p></body></html>
"""


def order(version: str) -> tuple[int, ...]:
    """0.10.0 after 0.9.1."""
    return tuple(map(int, version.split(".")))


def pages(folder: Path) -> list[str]:
    """The pages of a version, without the one for what is missing."""
    return sorted(p for f in folder.rglob("*.html") if (p := f.relative_to(folder).as_posix()) != "404.html")


def place(site: Path, root: Path, version: str, url: str) -> None:
    """Put a built site under its version: in place of what was there, whole or not at all."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise SystemExit(f"versions: a version must be as 1.2.3, not {version!r}")
    part = root / f".{version}"
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(site, part, ignore=shutil.ignore_patterns(".built", ".pages"))
    at = f"{urlsplit(url).path or '/'}{version}/"
    for file in [*part.rglob("*.html"), *part.glob("*.txt"), *part.glob("*.xml")]:
        text = file.read_text(encoding="utf-8")
        text = text.replace(url, f"{url}{version}/") if url else text
        file.write_text(BASE.sub(f'<base href="{at}">', text), encoding="utf-8")
    shutil.rmtree(root / version, ignore_errors=True)
    part.rename(root / version)


def listed(root: Path, title: str, url: str) -> list[str]:
    """Write the list of all versions, newest first, the way to the newest, and into every page which one is canonical."""
    versions = sorted((f.name for f in root.iterdir() if re.fullmatch(r"\d+\.\d+\.\d+", f.name)), key=order, reverse=True)
    held = {version: pages(root / version) for version in versions}
    newest = versions[0]
    for version, names in held.items() if url else ():
        for name in names:
            file, there = root / version / name, newest if name in held[newest] else version
            text = file.read_text(encoding="utf-8")
            link = f'<link rel="canonical" href="{url}{there}/{name}">'
            file.write_text(CANONICAL.sub(link, text) if CANONICAL.search(text) else text.replace("</head>", f"{link}</head>", 1),
                            encoding="utf-8")
    (root / "index.html").write_text(FIRST.format(title=title, version=newest), encoding="utf-8")
    (root / "versions.json").write_text(json.dumps([{"version": v, "pages": held[v]} for v in versions]), encoding="utf-8")
    return versions


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    about, root = particulars(), Path(sys.argv[1])
    root.mkdir(parents=True, exist_ok=True)
    place(ROOT / "_docs", root, about["version"], about["url"])
    print(f"{root}: {', '.join(listed(root, about['title'], about['url']))}")
