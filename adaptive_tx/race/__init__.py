"""The demo: named optimizers race on handwritten digits, over a grid of learning rates and seeds.

`options`: what is asked. `data`, `models`: the task. `train`: all runs of one optimizer in one
program. `score`: from runs to numbers. `report`: progress and table. `figure`: race.png. `record`:
race.json. `run` calls them in turn.
It needs scikit-learn, rich and matplotlib, which the library itself does not: the `demo` extra.
"""
