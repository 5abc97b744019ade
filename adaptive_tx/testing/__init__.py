"""Whether a rule of one's own keeps the laws that the library's rules keep."""

from adaptive_tx.testing.checking import check_laws as check_laws
