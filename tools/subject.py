"""The subject index of the printed book: terms with sub-entries and cross-references, and the names of the package."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from _weave import Book

MOST = 12  # mentions of a term: of one that more chapters speak of, the definition alone helps
SEE = {  # words that a reader may look for, and the term or entry under which this book speaks of the thing
    "BPTT": "backpropagation through time",
    "delta rule": "gradient descent", "derivative, numerical": "numerical gradient", "finite difference": "central difference",
    "fan-in and fan-out": "Xavier initialization", "Glorot": "Xavier initialization", "Kaiming": "He initialization",
    "gradcheck": "gradient check", "KL divergence": "Kullback-Leibler divergence", "KV cache": "key-value cache",
    "GQA": "grouped-query attention", "RoPE": "rotary positions", "log-sum-exp": "logsumexp", "JVP": "Jacobian-vector product",
    "VJP": "vector-Jacobian product", "negative log-likelihood": "cross-entropy", "log loss": "cross-entropy",
    "MSE": "mean squared error", "mini-batch": "minibatch", "regularization": "weight decay", "RMS": "root mean square",
    "scores": "logit", "skip connection": "residual block", "SiLU": "swish", "step size": "learning rate",
    "weight tying": "embedding", "stochastic gradient descent": "SGD", "double-sided difference": "central difference",
    "one-sided difference": "forward difference", "backward mode": "reverse mode", "tape": "computational graph",
}
ALSO = {  # terms of one thing, or of things that are mistaken for each other
    "Glorot initialization": ["Xavier initialization"], "Kaiming initialization": ["He initialization"],
    "analytic gradient": ["numerical gradient"], "central difference": ["forward difference", "complex step"],
    "numerical gradient": ["gradient check"], "L2 regularization": ["weight decay", "AdamW"],
    "weight decay": ["L2 regularization"],
    "momentum": ["velocity", "Nesterov momentum"], "dead unit": ["dying ReLU"], "dying ReLU": ["dead unit", "leaky ReLU"],
    "vanishing gradient": ["exploding gradient"], "exploding gradient": ["gradient clipping"], "logit": ["softmax"],
    "softmax": ["cross-entropy", "logsumexp"], "kernel": ["filter"], "filter": ["kernel"], "Correlation": ["Convolution"],
    "Convolution": ["Correlation"], "minibatch": ["batch"], "backpropagation": ["reverse mode", "chain rule"],
    "autograd": ["computational graph"], "Kullback-Leibler divergence": ["cross-entropy"],
    "maximum likelihood": ["cross-entropy"],
    "swish": ["SwiGLU"], "kink": ["subgradient"], "batch normalization": ["layer normalization", "running statistics"],
}
BEGINS = {"Convolution", "Correlation", "Flatten", "Forward", "Global", "Label", "Loss", "Max", "Mean", "Mixed",
          "Preconditioning", "Stochastic", "Top-k", "Weight"}
HEADS = 3  # so many terms that end in one word are listed under it too


@dataclass
class Entry:
    """A line of the index: where a thing is defined or made, where else it is spoken of or used, what to see."""
    name: str
    code: bool = False
    made: list[str] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    see: list[str] = field(default_factory=list)
    under: list["Entry"] = field(default_factory=list)

    @property
    def order(self) -> tuple[str, str]:
        return re.sub(r"\W+", "", self.name).lower(), self.name


def plain(term: str) -> str:
    """A term as an index writes it: no capital that only the beginning of a sentence gave it."""
    return term[0].lower() + term[1:] if term.split()[0] in BEGINS else term


def entries(book: Book, mentions: dict[str, list[str]], anchors: set[str]) -> list[Entry]:
    """All entries in the order of the alphabet; what leads to no anchor of the printed book is left out."""
    found: dict[str, Entry] = {}
    for term, places in book.terms():
        made = [f"{c.key}-{anchor}" for c, anchor in places if f"{c.key}-{anchor}" in anchors]
        used = mentions.get(term, [])
        also = [plain(other) for other in ALSO.get(term, [])]
        found[plain(term)] = Entry(plain(term), made=made, used=used if len(used) <= MOST else [], see=also)
    heads: dict[str, list[Entry]] = {}
    for entry in found.values():
        first, _, last = entry.name.rpartition(" ")
        if first and "(" not in entry.name and not first.endswith((" of", " in the")):
            heads.setdefault(last, []).append(Entry(first, made=entry.made, used=entry.used))
    for head, under in heads.items():
        if len(under) >= HEADS and re.fullmatch(r"[a-z]+", head):
            found.setdefault(head, Entry(head)).under = sorted(under, key=lambda e: e.order)
    for word, term in SEE.items():
        if word not in found and plain(term) in found:
            found[word] = Entry(word, see=[plain(term)])
    names = []
    for i in book.identifiers:
        used = [f"{c.key}-{cell.id}" for c, cell in book.users(i)]
        names.append(Entry(book.label(i), True, [a for a in [f"{i.chapter.key}-{i.cell.id}"] if a in anchors],
                           [a for a in used if a in anchors]))
    return sorted([*found.values(), *(n for n in names if n.made or n.used)], key=lambda e: (*e.order, e.code))


def typst_index(entries: list[Entry]) -> str:
    """A call of book.typ's `subject`: the entries under their letters."""
    letters: dict[str, list[Entry]] = {}
    for entry in entries:
        first = entry.order[0][:1].upper()
        letters.setdefault(first if first.isalpha() else "0–9", []).append(entry)
    groups = [f"({json.dumps(letter, ensure_ascii=False)}, {array(map(literal, group))})" for letter, group in letters.items()]
    return "#subject(" + ",\n".join(groups) + ")"


def array(items: Iterable[str]) -> str:
    """A Typst array of what is Typst already."""
    return "(" + "".join(f"{item}, " for item in items) + ")"


def literal(entry: Entry) -> str:
    """An entry as a Typst dictionary."""
    made, used = (array(map(lambda a: f"label({json.dumps(a)})", places)) for places in (entry.made, entry.used))
    see = array(map(lambda name: json.dumps(name, ensure_ascii=False), entry.see))
    name = json.dumps(entry.name, ensure_ascii=False)
    under, code = array(map(literal, entry.under)), str(entry.code).lower()
    return f"(name: {name}, code: {code}, made: {made}, used: {used}, see: {see}, under: {under})"
