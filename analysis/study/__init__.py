"""Studies: language models × events × personas × networks × visibilities, worked out condition by condition."""

from .run import run_study
from .study_file import StudySpecification, make_study, read_study
from .study_results import Study, load_study

__all__ = ["Study", "StudySpecification", "load_study", "make_study", "read_study", "run_study"]
