"""The bank by which the checker is judged: right layers, planted mistakes, and the figures. The page and the tests run it."""

from nnlit.diagnosis import MISTAKES

from .figures import census, false_alarms, outcome, summary, table
from .layers import *
from .planted import *
from .planted import PLANTED, Planted
from .right import *
from .right import RIGHT, check
