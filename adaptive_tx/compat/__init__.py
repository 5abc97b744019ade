"""Other frameworks' optimizers: their argument names, their defaults, their numbers."""
