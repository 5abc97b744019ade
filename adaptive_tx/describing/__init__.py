"""What an optimizer will do to each parameter."""
