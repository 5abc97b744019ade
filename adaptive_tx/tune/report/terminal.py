"""What a command prints: sentences that break between words, and lines that can be copied."""

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

if TYPE_CHECKING:
    from adaptive_tx.tune.report.confirming import Confirmation
    from adaptive_tx.tune.report.result import Result


class Page:
    """A terminal, on which sentences break between words; or a file, where they do not break."""

    def __init__(self):
        self.console = Console(highlight=False)

    def say(self, text: str = "", indent: int = 0, style: str = "") -> None:
        """One sentence."""
        if self.console.is_terminal:
            self.console.print(Padding(Text(text, style), (0, 0, 0, indent), expand=False))
        else:
            self.copyable(" " * indent + text)

    def table(self, of: "Result | Confirmation", **how: Any) -> None:
        """Its table: as wide as the terminal, or in a file with all digits."""
        if self.console.is_terminal:
            self.console.print(of.table(**how))
        else:
            self.copyable(of.table(**how, plain=True))

    def copyable(self, text: str) -> None:
        """One line, however long, so that it is copied as one."""
        self.console.print(text, soft_wrap=True, markup=False)
