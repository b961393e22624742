"""Drawing in NumPy alone: axes, lines, bars, contours, patches and words, written as SVG.

It stands in for matplotlib where that is not to be had: in a page that runs Python. What the book calls is here, under
matplotlib's names and with its meaning; whatever else is asked for raises NotDrawn, which names the call. live_figures.py puts
it in place.

    svg.py       numbers, colours, words and boxes as SVG has them
    style.py     the look, by the names of matplotlib's rcParams
    ticks.py     where an axis is marked, and what stands at the marks
    contours.py  level lines and bands of a function on a grid
    artists.py   what is drawn: lines, patches, arrows, words, pictures of arrays
    axis.py      an axis: its scale, its name and its marks
    settings.py  how a plot is told its title, limits, scales and marks
    axes.py      a plot with all that is in it
    legend.py    its legend
    figure.py    the sheet: plots in rows and columns, their margins, the file
"""
