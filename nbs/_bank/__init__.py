"""The bank by which the checker is judged: right layers, planted mistakes, and the figures. The page and the tests run it."""

import sys

from nnlit.diagnosis import MISTAKES

from . import planted, shapes  # more examples, which enter themselves
from .elsewhere import *
from .figures import census, false_alarms, outcome, summary, table
from .layers import *
from .right import *
from .right import RIGHT, check
from .shapes import *
from .today import TODAY
from .wrong import *
from .wrong import PLANTED, Planted, of_the_table

PLANTED[:0] = [p for p in of_the_table(sys.modules[__name__]) if p.title not in {q.title for q in PLANTED}]
