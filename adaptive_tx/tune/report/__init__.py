"""What came out: numbers, the best, how wide the good range is, tables, a figure, files."""
