"""Studies: language models × events × personas × networks × visibilities, worked out condition by condition."""
