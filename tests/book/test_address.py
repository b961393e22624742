"""One address: that of settings.ini. Nobody is sent to, or told to install from, a place that is not known to be ours."""

import re
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml
from conftest import ROOT, settings

REPOSITORY, SITE = settings()["git_url"], settings()["site_url"]
# this folder; a package that the book names
SAFE = re.compile(r"^(-\S+|\.|'?\.\[[\w,]+\]'?|requirements\.lock|tqdm|mpi4py|mpich|nbgrader)$")
NAMES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "_quarto.yml", "pyproject.toml", "CITATION.cff"]
TEXTS = [ROOT / name for name in NAMES]
TEXTS += [f for d in ("nbs", "nnlit", "tools") for f in sorted((ROOT / d).glob("*.*")) if f.suffix in (".py", ".ipynb", ".js")]


def commands(text: str) -> list[str]:
    """What the text tells a reader to install or to clone."""
    return re.findall(r"(?:pip install|git clone)\s+((?:\[[\w,]+\]|[^\n`\"&|#);,])+)", text)


def strangers(text: str) -> list[str]:
    """What is neither this folder nor the address of the settings."""
    words = [word for command in commands(text) for word in command.split()]
    ours = {REPOSITORY, f"git+{REPOSITORY}"} if REPOSITORY else set()
    return [word for word in words if not SAFE.match(word) and word not in ours]


def test_a_stranger_is_seen() -> None:
    assert strangers("run `pip install git+https://example.org/x/y` now") == ["git+https://example.org/x/y"]
    assert strangers("git clone https://example.org/x/y && cd y") == ["https://example.org/x/y"]
    assert strangers("pip install nnlit") == ["nnlit"]
    assert not strangers("pip install -r requirements.lock && pip install --no-deps -e .\n`pip install '.[torch]'`")


@pytest.mark.parametrize("file", TEXTS, ids=lambda f: f.name)
def test_no_text_installs_from_elsewhere(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".ipynb":
        cells = nbformat.reads(text, as_version=4).cells
        text = "\n".join([c.source for c in cells] + [str(out) for c in cells for out in c.get("outputs", [])])
    assert not strangers(text)
    ours = re.findall(r"https?://[\w.-]*/?[\w.-]*nnlit[^\s\"'<>)]*", text)
    assert all(any(a.startswith(known) for known in (REPOSITORY, SITE) if known) for a in ours), ours


def test_no_page_installs_from_elsewhere(site: Path) -> None:
    for page in site.glob("*.html*"):
        text = page.read_text(encoding="utf-8")
        assert not strangers(re.sub(r"<[^>]*>", "", text.replace("</code>", "`"))), page.name
        assert REPOSITORY or "colab.research.google.com" not in text, page.name


def test_the_files_that_tools_read_agree() -> None:
    web = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))["website"]
    assert (web.get("repo-url", ""), web.get("site-url", "")) == (REPOSITORY, SITE)
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"].get("urls", {})
    assert (urls.get("Repository", ""), urls.get("Book", "")) == (REPOSITORY, SITE)  # "Documentation" would go into _modidx.py
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (cited.get("repository-code", ""), cited.get("url", "")) == (REPOSITORY, SITE)
