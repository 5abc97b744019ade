"""Keras 3's optimizers, learning-rate schedules and state, with the numbers of Keras 3.15.

    from adaptive_tx.compat import keras
    tx = keras.adamw(keras.cosine_decay(1e-3, 1000), weight_decay=0.1, global_clipnorm=1.0)

Each name is the snake_case of Keras'.
"""

from adaptive_tx.compat.keras.adams import adam as adam
from adaptive_tx.compat.keras.adams import adamax as adamax
from adaptive_tx.compat.keras.adams import adamw as adamw
from adaptive_tx.compat.keras.adams import lion as lion
from adaptive_tx.compat.keras.adams import nadam as nadam
from adaptive_tx.compat.keras.excluded import AllBut as AllBut
from adaptive_tx.compat.keras.layerwise import adafactor as adafactor
from adaptive_tx.compat.keras.layerwise import lamb as lamb
from adaptive_tx.compat.keras.optimizers import adadelta as adadelta
from adaptive_tx.compat.keras.optimizers import adagrad as adagrad
from adaptive_tx.compat.keras.optimizers import ftrl as ftrl
from adaptive_tx.compat.keras.optimizers import rmsprop as rmsprop
from adaptive_tx.compat.keras.optimizers import sgd as sgd
from adaptive_tx.compat.keras.schedules import cosine_decay as cosine_decay
from adaptive_tx.compat.keras.schedules import cosine_decay_restarts as cosine_decay_restarts
from adaptive_tx.compat.keras.schedules import exponential_decay as exponential_decay
from adaptive_tx.compat.keras.schedules import inverse_time_decay as inverse_time_decay
from adaptive_tx.compat.keras.schedules import piecewise_constant_decay as piecewise_constant_decay
from adaptive_tx.compat.keras.schedules import polynomial_decay as polynomial_decay
from adaptive_tx.compat.keras.variables_in import load_variables as load_variables
from adaptive_tx.compat.keras.variables_out import variables as variables
