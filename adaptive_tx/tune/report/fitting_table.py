"""A table for rich that fits any terminal, and cuts no number.

Where its headers are too wide, they stand on several lines; where that is not enough, so does each row.
"""

import io
import re
from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.jupyter import JupyterMixin
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

ON_THE_LEFT = "optimizer"  # the others are numbers
GAP = 2  # between columns


class FittingTable(JupyterMixin):
    """Rows of texts under a header, the first one in bold: it is the best."""

    def __init__(
        self,
        head: Sequence[str],
        rows: Sequence[Sequence[str]],
        title: str = "",
        remarks: Sequence[str] = (),
    ):
        self.head, self.rows, self.title, self.remarks = head, rows, title, remarks

    def __str__(self) -> str:
        """As a terminal shows it."""
        console = Console(file=io.StringIO(), force_terminal=False)
        with console.capture() as text:
            console.print(self)
        return text.get().rstrip()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.title:
            yield Text(self.title, style="bold")
        yield from self._body(options)
        for remark in self.remarks:
            yield Padding(Text(remark), (0, 1), expand=False)

    def _body(self, options: ConsoleOptions) -> RenderResult:
        stacked = [re.sub(r"(?<=\w) |(?<=_)", "\n", name) for name in self.head]
        for head in (self.head, stacked):
            if self._width(head) <= options.max_width:
                yield self._table(head)
                return
        yield from self._stacked_rows()

    def _width(self, head: Sequence[str]) -> int:
        names = (max(name.split("\n"), key=len) for name in head)
        columns = zip(names, *self.rows, strict=True)
        return sum(max(map(len, column)) + GAP for column in columns)

    def _table(self, head: Sequence[str]) -> Table:
        table = Table(box=None, padding=(0, 1), header_style="bold")
        for name in head:
            justify = "left" if name == ON_THE_LEFT else "right"
            table.add_column(Text(name), justify=justify, no_wrap=True)
        for i, row in enumerate(self.rows):
            table.add_row(*map(Text, row), style="" if i else "bold")
        return table

    def _stacked_rows(self) -> RenderResult:
        """Each row by itself: its name, and its values."""
        at = list(self.head).index(ON_THE_LEFT)
        for i, row in enumerate(self.rows):
            known = zip(self.head[at + 1 :], row[at + 1 :], strict=True)
            values = ", ".join(f"{name} {text}" for name, text in known if text)
            yield Padding(
                Text(" ".join(row[: at + 1]), style="" if i else "bold"), (0, 1), expand=False
            )
            yield Padding(Text(values), (0, 1, 0, 3), expand=False)
