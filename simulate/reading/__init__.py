"""Reading data of others: tables of any shape and dialect become trajectories or event histories."""
