"""How it is trained: all members in compiled programs, kept on disk, resumed after an interrupt."""
