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
}
