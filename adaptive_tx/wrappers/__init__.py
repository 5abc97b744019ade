"""Transformations around another one; import them from `adaptive_tx`."""
