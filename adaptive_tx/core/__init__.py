"""What a value is, and how a step on one array becomes a transformation of a tree."""
