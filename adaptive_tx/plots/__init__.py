"""Pictures of optimizers at work. They need matplotlib: `pip install adaptive-tx[plots]`."""

from adaptive_tx.plots.metrics import dashboard as dashboard
from adaptive_tx.plots.metrics import dashboard_html as dashboard_html
from adaptive_tx.plots.paths import animate as animate
from adaptive_tx.plots.paths import trajectories as trajectories
from adaptive_tx.plots.schedules import schedule as schedule
from adaptive_tx.plots.surfaces import SURFACES as SURFACES
from adaptive_tx.plots.surfaces import Surface as Surface
