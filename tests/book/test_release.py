"""A release: the same bytes anywhere, a changelog that fits, old names that warn and go, versions of the site side by side."""

import gzip
import io
import json
import re
import tarfile
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Served
from dist import same_everywhere
from released import changelog, complaints, deprecations
from versions import listed, place

# -------------------------------------------------------------------------------------------------- sdist and changelog


def sdist(path: Path, names: list[str], mode: int, time: int, user: str) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime, entry.uname, entry.uid = len(name), mode, time, user, time % 1000
            archive.addfile(entry, io.BytesIO(name.encode()))
    return path


def test_an_sdist_is_the_same_whoever_made_it(tmp_path: Path) -> None:
    one = sdist(tmp_path / "one.tar.gz", ["a/b.py", "a/a.py"], 0o600, 1_700_000_123, "ann")
    two = sdist(tmp_path / "two.tar.gz", ["a/a.py", "a/b.py"], 0o775, 1_800_000_456, "bob")
    assert one.read_bytes() != two.read_bytes()
    for file in (one, two):
        same_everywhere(file, 1_795_981_600)
    assert one.read_bytes() == two.read_bytes()
    with tarfile.open(one) as archive:
        entries = archive.getmembers()
        assert [(e.name, e.mode, e.mtime, e.uname, e.uid) for e in entries] == [
            (name, 0o644, 1_795_981_600, "", 0) for name in ("a/a.py", "a/b.py")]
        read = archive.extractfile(entries[0])
        assert read and read.read() == b"a/a.py"
    assert gzip.decompress(one.read_bytes())


def test_nothing_is_wrong_with_this_version() -> None:
    assert not complaints()


GOOD = "# Changelog\n\n## 0.3.0, unreleased\n\n## 0.2.1, 2027-03-01\n\n## 0.2.0, 2027-01-31\n"


@pytest.mark.parametrize("text, version, tag, said", [
    (GOOD, "0.3.0", "", None),
    (GOOD, "0.4.0", "", "must begin with an entry for 0.4.0"),
    (GOOD.replace("0.3.0, unreleased", "0.3.0 (soon)"), "0.3.0", "", "a heading must be as"),
    (GOOD.replace("2027-03-01", "unreleased"), "0.3.0", "", "only the newest"),
    (GOOD.replace("0.2.1", "0.1.9"), "0.3.0", "", "the newest first"),
    (GOOD, "0.3.0", "v0.3.0", "calls 0.3.0 unreleased"),
    (GOOD.replace("unreleased", "2027-05-01"), "0.3.0", "v0.3.0", None),
    (GOOD.replace("unreleased", "2027-05-01"), "0.3.0", "v0.3.1", "the tag is v0.3.1"),
])
def test_a_changelog_that_does_not_fit_is_refused(text: str, version: str, tag: str, said: str | None) -> None:
    found = list(changelog(text, version, tag))
    assert not found if said is None else any(said in words for words in found), found


# ------------------------------------------------------------------------------------------------------------ old names

OLD = '''
import warnings

def old(x):
    warnings.warn("nnlit.old is deprecated since 0.3: use nnlit.new", DeprecationWarning, stacklevel=2)
    return x + 1
'''


def test_an_old_name_works_and_its_warning_names_the_new_one_at_the_caller_s_line() -> None:
    module = types.ModuleType("sample")
    exec(compile(OLD, "sample.py", "exec"), module.__dict__)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert module.old(1) == 2
    assert [(w.category, str(w.message), Path(w.filename).name) for w in seen] == [
        (DeprecationWarning, "nnlit.old is deprecated since 0.3: use nnlit.new", Path(__file__).name)]


@pytest.mark.parametrize("source, version, said", [
    (OLD, "0.3.0", None), (OLD, "0.4.7", None), (OLD, "0.5.0", "take it out"), (OLD, "1.0.0", "take it out"),
    (OLD.replace(": use nnlit.new", ""), "0.3.0", "since 1.2: use nnlit.new"),
    (OLD.replace(", stacklevel=2", ""), "0.3.0", "stacklevel=2"),
    (OLD.replace("nnlit.old is", "nnlit.fit(rng=) is"), "0.3.0", None),
])
def test_old_names_say_what_to_use_and_go_after_one_minor_release(source: str, version: str, said: str | None) -> None:
    found = list(deprecations(source, version))
    assert not found if said is None else any(said in words for words in found), found


# ------------------------------------------------------------------------------------------------------------- workflow


def test_a_tag_publishes_without_a_secret() -> None:
    text = (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    assert "secrets." not in text and "password" not in text
    assert jobs["publish"]["permissions"] == {"id-token": "write"} and jobs["publish"]["needs"] == "build"
    assert [s["run"] for s in jobs["build"]["steps"] if "run" in s][1:] == ["make dist"]


# ------------------------------------------------------------------------------------------------ versions side by side

URL = "https://book.example/nnlit/"  # an address that is nobody's
PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>{name}</title>{canonical}</head><body><nav class="navbar"><div class="navbar-container">
<button class="find-open">Search</button></div></nav><main><h1>{name}</h1></main>
<script src="{up}versions.js" data-version="{version}" defer></script></body></html>"""


def planted(folder: Path, version: str, names: list[str], url: str = "") -> Path:
    """A site as the build leaves it."""
    for name in [*names, "404.html"]:
        canonical = f'<link rel="canonical" href="{url}{name}">' if url and "/" not in name else ""
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        text = PAGE.format(name=name, canonical=canonical, version=version, up="../" * name.count("/"))
        text = text.replace("<head>", '<head><base href="/">') if name == "404.html" else text
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "versions.js").write_bytes((ROOT / "nbs" / "versions.js").read_bytes())
    (folder / "llms.txt").write_text(f"- [x]({url}x.html.md)", encoding="utf-8")
    return folder


def stood(tmp_path: Path, url: str = "") -> Path:
    """Three versions at a root, put there in another order than theirs."""
    root = tmp_path / "root"
    root.mkdir()
    for version, names in [("0.9.0", ["index.html", "gone.html"]), ("0.10.0", ["index.html", "new.html", "api/linear.html"]),
                           ("0.9.1", ["index.html", "gone.html", "api/linear.html"])]:
        place(planted(tmp_path / version, version, names, url), root, version, url)
        listed(root, "nnlit", url)
    return root


def test_the_list_of_versions_and_canonical_links(tmp_path: Path) -> None:
    root = stood(tmp_path, URL)
    versions = json.loads((root / "versions.json").read_text(encoding="utf-8"))
    assert [v["version"] for v in versions] == ["0.10.0", "0.9.1", "0.9.0"]  # by number, not by letters
    assert versions[0]["pages"] == ["api/linear.html", "index.html", "new.html"]
    found = {f.relative_to(root).as_posix(): re.findall(r'rel="canonical" href="([^"]*)"', f.read_text(encoding="utf-8"))
             for f in root.rglob("*.html") if f.name != "404.html"}
    assert found["0.9.0/index.html"] == found["0.10.0/index.html"] == [f"{URL}0.10.0/index.html"]
    assert found["0.9.1/api/linear.html"] == [f"{URL}0.10.0/api/linear.html"]
    assert found["0.9.0/gone.html"] == [f"{URL}0.9.0/gone.html"]  # the newest has none
    assert '<base href="/nnlit/0.9.1/">' in (root / "0.9.1/404.html").read_text(encoding="utf-8")
    assert f"({URL}0.9.0/x.html.md)" in (root / "0.9.0/llms.txt").read_text(encoding="utf-8")
    assert 'url=0.10.0/index.html"' in (root / "index.html").read_text(encoding="utf-8")


def test_without_an_address_no_page_names_a_canonical_one(tmp_path: Path) -> None:
    root = stood(tmp_path)
    assert not [f for f in root.rglob("*.html") if "canonical" in f.read_text(encoding="utf-8")]
    with pytest.raises(SystemExit, match=r"a version must be as 1\.2\.3, not 'next'"):
        place(root / "0.9.0", root, "next", "")


@pytest.fixture
def hosted(tmp_path: Path) -> Iterator[Served]:
    root = stood(tmp_path)
    (root / "404.html").write_text("nothing", encoding="utf-8")
    served = Served(root)
    yield served
    served.stop()


def shown(tab: Any, address: str) -> tuple[list[str], str]:
    """What a page offers to switch to, and what it says of its age."""
    tab.goto(address, wait_until="networkidle")
    return tab.evaluate("""() => [
        [...document.querySelectorAll(".version-switch option")].map((o) => o.textContent + (o.selected ? "*" : "")),
        document.querySelector(".version-note")?.textContent ?? ""]""")


def test_the_switch_and_the_line_on_old_pages(hosted: Served, browser: Any) -> None:
    tab = browser.new_page()
    faults: list[str] = []
    tab.on("pageerror", lambda e: faults.append(str(e)))
    options, note = shown(tab, f"{hosted.address}/0.10.0/new.html")
    assert options == ["0.10.0*", "0.9.1", "0.9.0"] and not note
    options, note = shown(tab, f"{hosted.address}/0.9.1/api/linear.html")
    assert options == ["0.10.0", "0.9.1*", "0.9.0"] and note == "This page is of version 0.9.1; the newest is 0.10.0."
    assert tab.locator(".version-note a").get_attribute("href") == f"{hosted.address}/0.10.0/api/linear.html"
    tab.locator(".version-switch").select_option("0.9.0")  # which has no such page
    tab.wait_for_url(f"{hosted.address}/0.9.0/index.html")
    tab.close()
    assert not faults


def test_elsewhere_nothing_is_asked_for(hosted: Served, browser: Any, tmp_path: Path) -> None:
    tab = browser.new_page()
    faults: list[str] = []
    tab.on("pageerror", lambda e: faults.append(str(e)))
    tab.on("requestfailed", lambda r: faults.append(r.url))
    assert shown(tab, (tmp_path / "0.9.1" / "gone.html").as_uri()) == [[], ""]
    plain = Served(tmp_path / "0.9.1")  # the site by itself, under no version
    assert shown(tab, f"{plain.address}/gone.html") == [[], ""]
    assert not [path for path in plain.asked if "versions.json" in path]
    plain.stop()
    (tmp_path / "root" / "versions.json").unlink()
    assert shown(tab, f"{hosted.address}/0.9.1/gone.html") == [[], ""]
    tab.close()
    assert not faults


def test_every_page_of_the_site_can_stand_under_a_version(site: Path) -> None:
    for page in [*site.glob("*.html"), *site.glob("api/*.html")]:
        up = "../" * (len(page.relative_to(site).parts) - 1)
        assert re.search(rf'<script src="{up}versions\.js" data-version="[\d.]+"', page.read_text(encoding="utf-8")), page
