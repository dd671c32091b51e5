"""Default settings of a simulation, the same in Python, on the command line, and in files of studies."""

NETWORK = "random-regular"
AGENTS = 1000
DEGREE = 8
ROUNDS = 40
REPLICATES = 10
INITIAL_SHARERS = 5
VISIBILITY = 0.25
