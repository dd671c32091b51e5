"""Studies: language models × events × personas × networks × visibilities, worked out condition by condition."""

from .results import Study, load_study
from .run import run_study
from .specification import StudySpecification, make_study, read_study

__all__ = ["Study", "StudySpecification", "load_study", "make_study", "read_study", "run_study"]
