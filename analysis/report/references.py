"""What the methods text cites, as BibTeX."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ... import __version__


@dataclass(frozen=True)
class Reference:
    """A reference.

    Parameters
    ----------
    key : str
        Its key in BibTeX.
    kind : str
        Type of its entry.
    short : str
        Authors and year in words.
    fields : dict of str to str
        Fields of its entry.
    """

    key: str
    kind: str
    short: str
    fields: dict[str, str]

    def to_bibtex(self) -> str:
        """Return the entry."""
        lines = [f"  {name} = {{{value}}}," for name, value in self.fields.items()]
        return "\n".join([f"@{self.kind}{{{self.key},", *lines, "}"])


def _article(key: str, short: str, author: str, title: str, journal: str, where: str, doi: str = "") -> Reference:
    """Return an article; `where` is its volume, number and pages, such as `11(2), 89--121`."""
    volume, number, pages = re.fullmatch(r"(\d+)(?:\(([^)]+)\))?, (.+)", where).groups()  # type: ignore[union-attr]
    fields = {
        "author": author, "title": f"{{{title}}}", "journal": journal, "year": key[-4:], "volume": volume,
        "number": number or "", "pages": pages, "doi": doi,
    }  # fmt: skip
    return Reference(key, "article", short, {name: value for name, value in fields.items() if value})


REFERENCES = {
    reference.key: reference
    for reference in (
        _article(
            "kermack1927", "Kermack & McKendrick 1927", "Kermack, W. O. and McKendrick, A. G.",
            "A contribution to the mathematical theory of epidemics",
            "Proceedings of the Royal Society of London A", "115(772), 700--721", "10.1098/rspa.1927.0118",
        ),
        Reference("tian2026", "misc", "Tian et al. 2026", {
            "author": "Tian and Mohler and Brantingham and Rodríguez",
            "title": "{Learning dynamics from online-offline systems of LLM agents}",
            "year": "2026", "eprint": "2602.23437", "archiveprefix": "arXiv",
        }),
        _article(
            "vaupel1979", "Vaupel et al. 1979", "Vaupel, James W. and Manton, Kenneth G. and Stallard, Eric",
            "The impact of heterogeneity in individual frailty on the dynamics of mortality", "Demography",
            "16(3), 439--454", "10.2307/2061224",
        ),
        _article(
            "centola2007", "Centola & Macy 2007", "Centola, Damon and Macy, Michael",
            "Complex contagions and the weakness of long ties", "American Journal of Sociology",
            "113(3), 702--734", "10.1086/521848",
        ),
        _article(
            "eilers1996", "Eilers & Marx 1996", "Eilers, Paul H. C. and Marx, Brian D.",
            "Flexible smoothing with B-splines and penalties", "Statistical Science", "11(2), 89--121",
            "10.1214/ss/1038425655",
        ),
        _article(
            "wu2007", "Wu & Huberman 2007", "Wu, Fang and Huberman, Bernardo A.", "Novelty and collective attention",
            "Proceedings of the National Academy of Sciences", "104(45), 17599--17601", "10.1073/pnas.0704916104",
        ),
        _article(
            "crane2008", "Crane & Sornette 2008", "Crane, Riley and Sornette, Didier",
            "Robust dynamic classes revealed by measuring the response function of a social system",
            "Proceedings of the National Academy of Sciences", "105(41), 15649--15653", "10.1073/pnas.0803685105",
        ),
        _article(
            "bass1969", "Bass 1969", "Bass, Frank M.", "A new product growth for model consumer durables",
            "Management Science", "15(5), 215--227", "10.1287/mnsc.15.5.215",
        ),
        _article(
            "malmgren2008", "Malmgren et al. 2008",
            "Malmgren, R. Dean and Stouffer, Daniel B. and Motter, Adilson E. and Amaral, Luís A. N.",
            "A Poissonian explanation for heavy tails in e-mail communication",
            "Proceedings of the National Academy of Sciences", "105(47), 18153--18158", "10.1073/pnas.0800332105",
        ),
        _article(
            "wearing2005", "Wearing et al. 2005", "Wearing, Helen J. and Rohani, Pejman and Keeling, Matt J.",
            "Appropriate models for the management of infectious diseases", "PLoS Medicine", "2(7), e174",
            "10.1371/journal.pmed.0020174",
        ),
        _article(
            "boag1949", "Boag 1949", "Boag, John W.",
            "Maximum likelihood estimates of the proportion of patients cured by cancer therapy",
            "Journal of the Royal Statistical Society B", "11(1), 15--53",
        ),
        _article(
            "centola2007", "Centola & Macy 2007", "Centola, Damon and Macy, Michael",
            "Complex contagions and the weakness of long ties", "American Journal of Sociology", "113(3), 702--734",
            "10.1086/521848",
        ),
        _article(
            "watts2002", "Watts 2002", "Watts, Duncan J.",
            "A simple model of global cascades on random networks",
            "Proceedings of the National Academy of Sciences", "99(9), 5766--5771", "10.1073/pnas.082090499",
        ),
        _article(
            "miller2012", "Miller et al. 2012", "Miller, Joel C. and Slim, Anja C. and Volz, Erik M.",
            "Edge-based compartmental modelling for infectious disease spread",
            "Journal of the Royal Society Interface", "9(70), 890--906", "10.1098/rsif.2011.0403",
        ),
        _article(
            "hoffman2014", "Hoffman & Gelman 2014", "Hoffman, Matthew D. and Gelman, Andrew",
            "The No-U-Turn sampler: adaptively setting path lengths in Hamiltonian Monte Carlo",
            "Journal of Machine Learning Research", "15, 1593--1623",
        ),
        _article(
            "abrilpla2023", "Abril-Pla et al. 2023", "Abril-Pla, Oriol and others",
            "PyMC: a modern, and comprehensive probabilistic programming framework in Python",
            "PeerJ Computer Science", "9, e1516", "10.7717/peerj-cs.1516",
        ),
        _article(
            "kumar2019", "Kumar et al. 2019",
            "Kumar, Ravin and Carroll, Colin and Hartikainen, Ari and Martin, Osvaldo",
            "ArviZ a unified library for exploratory analysis of Bayesian models in Python",
            "Journal of Open Source Software", "4(33), 1143", "10.21105/joss.01143",
        ),
        _article(
            "vehtari2017", "Vehtari et al. 2017", "Vehtari, Aki and Gelman, Andrew and Gabry, Jonah",
            "Practical Bayesian model evaluation using leave-one-out cross-validation and WAIC",
            "Statistics and Computing", "27(5), 1413--1432", "10.1007/s11222-016-9696-4",
        ),
        _article(
            "vehtari2024", "Vehtari et al. 2024",
            "Vehtari, Aki and Simpson, Daniel and Gelman, Andrew and Yao, Yuling and Gabry, Jonah",
            "Pareto smoothed importance sampling", "Journal of Machine Learning Research", "25(72), 1--58",
        ),
        _article(
            "vehtari2021", "Vehtari et al. 2021",
            "Vehtari, Aki and Gelman, Andrew and Simpson, Daniel and Carpenter, Bob and Bürkner, Paul-Christian",
            "Rank-normalization, folding, and localization: an improved R-hat for assessing convergence of MCMC",
            "Bayesian Analysis", "16(2), 667--718", "10.1214/20-BA1221",
        ),
        Reference("sivula2020", "misc", "Sivula et al. 2020", {
            "author": "Sivula, Tuomas and Magnusson, Måns and Matamoros, Asael Alonzo and Vehtari, Aki",
            "title": "{Uncertainty in Bayesian leave-one-out cross-validation based model comparison}",
            "year": "2020", "eprint": "2008.10296", "archiveprefix": "arXiv",
        }),
        _article(
            "yao2018", "Yao et al. 2018", "Yao, Yuling and Vehtari, Aki and Simpson, Daniel and Gelman, Andrew",
            "Using stacking to average Bayesian predictive distributions", "Bayesian Analysis", "13(3), 917--1007",
            "10.1214/17-BA1091",
        ),
        _article(
            "kallioinen2024", "Kallioinen et al. 2024",
            "Kallioinen, Noa and Paananen, Topi and Bürkner, Paul-Christian and Vehtari, Aki",
            "Detecting and diagnosing prior and likelihood sensitivity with power-scaling",
            "Statistics and Computing", "34, 57", "10.1007/s11222-023-10366-5",
        ),
        _article(
            "rayner1990", "Rayner & Best 1990", "Rayner, J. C. W. and Best, D. J.",
            "Smooth tests of goodness of fit: an overview", "International Statistical Review", "58(1), 9--17",
            "10.2307/1403457",
        ),
        Reference("nutpie", "software", "nutpie", {
            "author": "{PyMC Developers}", "title": "{nutpie}", "url": "https://github.com/pymc-devs/nutpie",
        }),
        Reference("tworate", "software", "tworate", {
            "author": "{The tworate developers}",
            "title": "{tworate: one transmission rate or two?}", "version": __version__,
        }),
    )
}  # fmt: skip
"""All references by key."""

_CITED = re.compile(r"\[((?:@[a-z0-9]+(?:; )?)+)\]")


def key_of(source: str) -> str | None:
    """Return the key of the reference that a model or structure names as its source; None if it is not among ours."""
    for key, reference in REFERENCES.items():
        fields = reference.fields
        marks = [fields[name] for name in ("doi", "eprint") if name in fields] or [reference.short.replace(" 1", " (1")]
        if any(mark in source for mark in marks):
            return key
    return None


def cited_keys(text: str) -> list[str]:
    """Return the keys that a text cites as `[@key]` or `[@key; @other]`, in order of appearance."""
    keys = (key.strip().removeprefix("@") for group in _CITED.findall(text) for key in group.split(";"))
    return list(dict.fromkeys(keys))


def in_words(text: str) -> str:
    """Return a text with `[@key]` replaced by authors and year in brackets."""

    def words(match: re.Match[str]) -> str:
        keys = [key.strip().removeprefix("@") for key in match[1].split(";")]
        return f"({'; '.join(REFERENCES[key].short for key in keys)})"

    return _CITED.sub(words, text)


def bibliography(keys: Iterable[str]) -> str:
    """Return the BibTeX file of some references."""
    return "\n\n".join(REFERENCES[key].to_bibtex() for key in keys) + "\n"
