"""Tuning: a sweep of settings trained in one compiled program, and how wide the good range is."""

from adaptive_tx.tune import tasks as tasks
from adaptive_tx.tune.axes import log_uniform as log_uniform
from adaptive_tx.tune.axes import random as random
from adaptive_tx.tune.axes import uniform as uniform
from adaptive_tx.tune.axes import zipped as zipped
from adaptive_tx.tune.range_test import RangeTest as RangeTest
from adaptive_tx.tune.range_test import rate_range_test as rate_range_test
from adaptive_tx.tune.result import Member as Member
from adaptive_tx.tune.result import Result as Result
from adaptive_tx.tune.sensitivity import Width as Width
from adaptive_tx.tune.sweeps import Sweep as Sweep
from adaptive_tx.tune.sweeps import sweep as sweep
from adaptive_tx.tune.training import train as train
