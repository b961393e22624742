"""Serve the site, and show what is saved: `make serve` (PORT=8000).

A save of a notebook, a style sheet or the table of contents builds the pages anew, and open pages reload by themselves. A build
that fails says so here and leaves the pages as they were. The PDF and the EPUB are left to `make book`.
"""

import os
import subprocess
import sys

from livereload import Server
from notebooks import NBS, ROOT


def rebuild() -> None:
    """Bring the pages up to date."""
    subprocess.run([sys.executable, ROOT / "tools" / "book.py", "--pages"], cwd=ROOT)


if __name__ == "__main__":
    rebuild()
    port = int(os.environ.get("PORT", "8000"))
    server = Server()
    for pattern in (NBS / "*.ipynb", NBS / "*.css", NBS / "*.js", NBS / "*.py", NBS / "de" / "*", ROOT / "_quarto.yml"):
        server.watch(str(pattern), rebuild)
    print(f"http://localhost:{port}/  (Ctrl-C stops; a save shows in the open page)")
    server.serve(port=port, host="127.0.0.1", root=str(ROOT / "_docs"))
