"""Studies: language models × events × personas × networks × visibilities, run condition by condition."""

from .run import run_study
from .study_file import StudySpecification, make_study, read_study
from .study_results import StudyResults, load_study

__all__ = ["StudyResults", "StudySpecification", "load_study", "make_study", "read_study", "run_study"]
