"""What counts as the same output: another last digit does, another number does not."""

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output
from refresh import keep_what_says_the_same
from same import close, difference, same_text


def cell(text: str = "", html: str = "") -> NotebookNode:
    outputs = [new_output("stream", text=text)] if text else []
    outputs += [new_output("execute_result", data={"text/plain": "[picture]", "text/html": html})] if html else []
    return new_code_cell("show()", id="a-cell", outputs=outputs)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.1625", "0.1626"),  # a unit of the last place
        ("1.8e-05", "1.9e-05"),
        ("98.2%", "98.3%"),
        ("0.05364282051780162", "0.05364282051780249"),  # many digits: a millionth
        ("1.15382e+299", "1.15383e+299"),
        ("−3.25", "−3.26"),
        ("[ 1.0  2.0]", "[1.0 2.0]"),
        ("<function f at 0x7f3a2b4c5d6e>", "<function f at 0x7f3a2b000000>"),
    ],
)
def test_rounding_is_the_same(old: str, new: str) -> None:
    assert same_text(f"loss {old}, and so on", f"loss {new}, and so on")
    assert not difference(cell(old), cell(new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("34 of 34", "34 of 35"),  # what is counted is counted exactly
        ("0.1625", "0.1627"),
        ("20%", "21%"),
        ("20%", "31%"),
        ("3e-11", "6e-11"),
        ("1e-11", "1e-10"),
        ("nan", "0.3"),
        ("inf", "nan"),
        ("1.05", "-1.05"),
        ("excellent", "look"),
        ("0.5", "0.5 0.5"),
        ("1,024 MB", "1,025 MB"),
    ],
)
def test_another_number_is_not(old: str, new: str) -> None:
    assert not same_text(f"loss {old}", f"loss {new}")
    assert old in difference(cell(f"loss {old}"), cell(f"loss {new}"))


def drawing(x: float, name: str = "p6afc64b6a1", words: str = "loss") -> str:
    return f'<figure><svg viewBox="0 0 9 9"><path d="M {x} 3" clip-path="url(#fig-{name})"/><text>{words}</text></svg></figure>'


def test_a_drawing_may_move_less_than_an_eye_sees() -> None:
    assert not difference(cell(html=drawing(10.0)), cell(html=drawing(10.2, name="p0000000000")))
    assert difference(cell(html=drawing(10.0)), cell(html=drawing(10.6)))
    assert difference(cell(html=drawing(10.0)), cell(html=drawing(10.0, words="error")))
    assert difference(cell(html=drawing(10.0)), cell())


def test_numbers_are_judged_by_what_is_printed_of_them() -> None:
    assert close("1", "1") and not close("1", "2") and close("0.9", "1.0") and not close("9", "10")


def test_refresh_leaves_what_says_the_same() -> None:
    old, new = new_notebook(cells=[cell("loss 0.162")]), new_notebook(cells=[cell("loss 0.163")])
    keep_what_says_the_same(old, new)
    assert new.cells[0].outputs == old.cells[0].outputs
    stale = new_notebook(cells=[cell("loss 0.262")])
    keep_what_says_the_same(stale, new)
    assert new.cells[0].outputs[0].text == "loss 0.162"
    assert nbformat.validator.isvalid(new)
