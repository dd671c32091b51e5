"""The style of all figures: settings for matplotlib, without importing it."""

INK = "#333333"
"""Colour of text."""
BLUE, ORANGE = "#0072B2", "#D55E00"
"""Colours of Okabe & Ito (2008). Readers with any colour vision can tell them apart, and so can a grey print."""
STYLE = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": "#888888",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    # Type 42 embeds whole fonts, which journals ask for and editors can change; paths look the same everywhere.
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
}
COLUMN, PAGE = 89 / 25.4, 183 / 25.4
"""Widths of one and of two columns of a journal (89 and 183 mm), in inches."""
PAPER = {
    **STYLE,
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.handlelength": 1.6,
    "axes.linewidth": 0.6,
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.2,
    "text.color": INK,
    "axes.titlecolor": INK,
    "xtick.color": "#888888",
    "ytick.color": "#888888",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}
"""Style of figures that are as wide as columns of a journal: no text below 7 points."""
DPI = 300
"""Pixels in an inch of pictures, and of the pixels inside vector files."""
