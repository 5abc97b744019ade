"""A state for another optimizer: what still fits is kept."""
