"""Searching with Optuna: it says what to try and keeps what came of it, we train a batch in one program."""
