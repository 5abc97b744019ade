"""Tuning: a sweep of settings trained in one compiled program, and how wide the good range is."""

from adaptive_tx.tune import tasks as tasks
from adaptive_tx.tune.report.confirming import Confirmation as Confirmation
from adaptive_tx.tune.report.confirming import Confirmed as Confirmed
from adaptive_tx.tune.report.member import Member as Member
from adaptive_tx.tune.report.result import Result as Result
from adaptive_tx.tune.report.sensitivity import Width as Width
from adaptive_tx.tune.studies.run import optuna as optuna
from adaptive_tx.tune.sweeps.axes import random as random
from adaptive_tx.tune.sweeps.axes import zipped as zipped
from adaptive_tx.tune.sweeps.intervals import integers as integers
from adaptive_tx.tune.sweeps.intervals import log_one_minus as log_one_minus
from adaptive_tx.tune.sweeps.intervals import log_uniform as log_uniform
from adaptive_tx.tune.sweeps.intervals import uniform as uniform
from adaptive_tx.tune.sweeps.sweep import Sweep as Sweep
from adaptive_tx.tune.sweeps.sweep import sweep as sweep
from adaptive_tx.tune.training.range_test import RangeTest as RangeTest
from adaptive_tx.tune.training.range_test import rate_range_test as rate_range_test
from adaptive_tx.tune.training.train import train as train
