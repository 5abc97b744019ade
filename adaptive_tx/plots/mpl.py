"""What is used of matplotlib, in one place: where it is missing, one line says how to install it.

The modules that draw import this one, and are imported when something is drawn: the rest works without.
"""

try:
    from matplotlib import colormaps as colormaps
    from matplotlib.animation import FuncAnimation as FuncAnimation
    from matplotlib.animation import PillowWriter as PillowWriter
    from matplotlib.axes import Axes as Axes
    from matplotlib.colors import to_hex as to_hex
    from matplotlib.figure import Figure as Figure
    from matplotlib.lines import Line2D as Line2D
    from matplotlib.patches import Patch as Patch
    from matplotlib.style import context as context
    from matplotlib.ticker import FuncFormatter as FuncFormatter
    from matplotlib.ticker import LogLocator as LogLocator
    from matplotlib.ticker import MaxNLocator as MaxNLocator
    from matplotlib.ticker import NullLocator as NullLocator
    from PIL import Image as Image  # comes with matplotlib
except ModuleNotFoundError as error:
    raise ImportError(
        "adaptive_tx.plots needs matplotlib: pip install adaptive-tx[plots]"
    ) from error
