"""README.md from nbs/index.ipynb: the same cells and outputs, hidden ones left out, links seen from the top folder.

    python tools/readme.py          write README.md
    python tools/readme.py --check  exit 1 if README.md is not what the notebook gives
"""

import argparse
import re
import sys

import nbformat
from notebooks import NBS, ROOT

HIDDEN = re.compile(r"^#\|\s*(hide|export|exporti|default_exp|echo: false)\b", re.M)
LOCAL_LINK = re.compile(r"(\]\(|src=\"|href=\")(?!https?:|#|mailto:)")


def readme() -> str:
    """The text of README.md."""
    parts = ["<!-- made from nbs/index.ipynb by tools/readme.py; edit the notebook -->"]
    for cell in nbformat.read(NBS / "index.ipynb", as_version=4).cells:
        if cell.cell_type == "markdown":
            parts.append(LOCAL_LINK.sub(r"\1nbs/", cell.source))
        elif cell.cell_type == "code" and not HIDDEN.search(cell.source):
            code = "\n".join(line for line in cell.source.splitlines() if not line.startswith("#|"))
            parts.append(f"```python\n{code}\n```")
            texts = [o.text if o.output_type == "stream" else o.data.get("text/plain", "") for o in cell.outputs]
            if any(texts):
                parts.append(f"```text\n{''.join(texts).rstrip()}\n```")
    return "\n\n".join(p for p in parts if p) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    target, text = ROOT / "README.md", readme()
    if parser.parse_args().check:
        same = target.read_text(encoding="utf-8") == text
        sys.exit(None if same else "README.md is stale: run `python tools/readme.py`")
    target.write_text(text, encoding="utf-8")
