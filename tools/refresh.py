"""Bring everything that is derived up to date, before a commit: package, saved outputs, clean notebooks, README.md."""

import subprocess
import sys
from pathlib import Path

import nbformat
from notebooks import ROOT, BookError, execute_all

if __name__ == "__main__":
    scripts = Path(sys.executable).parent
    subprocess.run([scripts / "nbdev_export"], cwd=ROOT, check=True)
    try:
        for path, nb in execute_all():
            nbformat.write(nb, path)
    except BookError as e:
        sys.exit(f"refresh: {e}")
    subprocess.run([scripts / "nbdev_clean"], cwd=ROOT, check=True)
    subprocess.run([sys.executable, ROOT / "tools" / "readme.py"], check=True)
