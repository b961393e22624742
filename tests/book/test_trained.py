"""The weights that ship are those of the record, the record is of the code as it is, and what trains them runs."""

import ast
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import train
from conftest import ROOT
from prose import TEXT, page, words

RECORD = train.record(train.DATA)


def run(*asked: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "tools/train.py", *asked], cwd=ROOT, capture_output=True, text=True)


def test_every_training_is_up_to_date() -> None:
    late = {name: why for name in train.TRAININGS if (why := train.stale(name))}
    assert not late, f"make train is needed: {late}"
    assert list(RECORD) == list(train.TRAININGS)


@pytest.mark.parametrize("name", [name for name, training in train.TRAININGS.items() if training.kept])
def test_sums_of_the_shipped_weights(name: str) -> None:
    file = train.DATA / f"{name}.npz"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == RECORD[name]["sha256"]
    assert file.stat().st_size < 2.5e6


def test_what_the_chapters_promise() -> None:
    seeds = [RECORD[name] for name in ("addition", *(f"addition-{k}" for k in range(1, 6)))]
    assert all(about["exact"] >= 0.99 and about["seconds"] < 300 for about in seeds)
    assert RECORD["prose"]["seconds"] < 600 and RECORD["prose"]["bits"] < 2.5
    for about in RECORD.values():
        assert not about["losses"] or about["losses"][-1][0] == about["steps"]  # ten seeds have no one curve


def test_a_key_hears_of_formulas_and_not_of_words(monkeypatch: pytest.MonkeyPatch) -> None:
    code = train.reached(train.ADDITION)
    assert {"nnlit.addition.learn", "nnlit.transformer.TokenLoss", "nnlit.optimizers.AdamW", "nnlit.linear.Linear"} <= set(code)
    assert not any(name.startswith(("nnlit.diagnosis", "nnlit.report")) for name in code)
    source = 'def f(x: int) -> int:\n    "words"\n    if x < 0:\n        raise ValueError(f"not {x}")\n    return x + 1\n'
    other = 'def f(x):\n    # more words\n    if x < 0:\n        raise TypeError("no")\n    return x + 1\n'
    third = other.replace("x + 1", "x + 2")
    bare = [ast.unparse(train.Bare().visit(ast.parse(text))) for text in (source, other, third)]
    assert bare[0] == bare[1] != bare[2]

    before = train.key(train.TRAININGS["prose"])
    monkeypatch.setattr(train, "DATA", ROOT / "nbs")  # other data under the name
    monkeypatch.setitem(train.TRAININGS, "prose", train.replace(train.TRAININGS["prose"], data=("styles.css",)))
    assert train.key(train.TRAININGS["prose"]) != before
    assert train.key(train.TRAININGS["addition-1"]) != train.key(train.TRAININGS["addition-2"])


def test_a_trial_from_end_to_end(tmp_path: Path) -> None:
    first = run("addition", "prose", "--steps", "2", "--into", str(tmp_path))
    assert first.returncode == 0, first.stderr
    assert "addition: was never run" in first.stdout and "prose: step 2 of 2" in first.stdout
    record = json.loads((tmp_path / "trained.json").read_text())
    assert list(record) == ["addition", "prose"] and record["addition"]["steps"] == 2
    assert run("addition", "--check", "--into", str(tmp_path)).stdout == "addition: up to date\n"

    (tmp_path / "addition.npz").write_bytes(b"")
    late = run("addition", "--check", "--into", str(tmp_path))
    assert late.returncode == 1 and late.stdout == "addition: addition.npz is missing or not what was written\n"
    again = run("addition", "--steps", "2", "--into", str(tmp_path))
    assert again.returncode == 0 and train.record(tmp_path)["addition"]["key"] == record["addition"]["key"]
    assert not list(tmp_path.glob(".*"))


def test_what_cannot_be_asked() -> None:
    assert "there is no training subtraction" in run("subtraction").stderr
    assert "--steps needs --into" in run("addition", "--steps", "2").stderr


def test_the_frozen_text_is_prose() -> None:
    source = """## A *title*, of [words](x.ipynb#a)

Text of $x_1$ and `x.T @ grad`, over
two lines − with **weight**.

$$ y = 1 $$

| a | b |
|---|---|

<div class="check">

1. one
2. two

```python
code()
```"""
    assert words(source) == "## A title, of words\nText of $ and `x.T @ grad`, over two lines - with weight.\n1. one\n2. two"
    assert page(ROOT / "nbs" / "04_bias.ipynb").startswith("# Bias: why axis 0\n> ") and TEXT.is_file()
