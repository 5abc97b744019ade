"""Schedules: functions from the number of finished updates to a value, as values themselves.

The first update sees count 0. A schedule works for any hyperparameter: `adam(cosine(1e-3, 1000))`,
`scale_by_adam(b2=linear(0.9, 0.999, 100))`. Its numbers are leaves of the optimizer's tree: they can be
traced, mapped and differentiated, and changing one does not compile again. Each docstring says the
value at count 0, at the boundaries, and after the end.

A count is exact up to 2^31. The numbers of a schedule are float32: a boundary beyond 2^24 is what that
has of it, but for those that must be Python ints (`join`, `multi_step`).
"""

from adaptive_tx.schedules.decays import constant as constant
from adaptive_tx.schedules.decays import constant_then_exponential as constant_then_exponential
from adaptive_tx.schedules.decays import exponential as exponential
from adaptive_tx.schedules.decays import half_life as half_life
from adaptive_tx.schedules.decays import inverse_sqrt as inverse_sqrt
from adaptive_tx.schedules.decays import linear as linear
from adaptive_tx.schedules.decays import multi_step as multi_step
from adaptive_tx.schedules.decays import polynomial as polynomial
from adaptive_tx.schedules.decays import step_decay as step_decay
from adaptive_tx.schedules.following import corrected as corrected
from adaptive_tx.schedules.phases import join as join
from adaptive_tx.schedules.phases import warmup_stable_decay as warmup_stable_decay
from adaptive_tx.schedules.phases import with_warmup as with_warmup
from adaptive_tx.schedules.waves import cosine as cosine
from adaptive_tx.schedules.waves import cosine_restarts as cosine_restarts
from adaptive_tx.schedules.waves import cyclic as cyclic
from adaptive_tx.schedules.waves import one_cycle as one_cycle
