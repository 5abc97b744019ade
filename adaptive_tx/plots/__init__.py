"""Pictures of optimizers at work. They need matplotlib: `pip install adaptive-tx[plots]`."""

from adaptive_tx.plots.dashboard import dashboard as dashboard
from adaptive_tx.plots.html import dashboard_html as dashboard_html
from adaptive_tx.plots.schedule import schedule as schedule
from adaptive_tx.plots.surfaces import SURFACES as SURFACES
from adaptive_tx.plots.surfaces import Surface as Surface
from adaptive_tx.plots.trajectories import animate as animate
from adaptive_tx.plots.trajectories import trajectories as trajectories
