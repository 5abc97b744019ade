"""The second race: optimizers on a small transformer of characters, each tuned with as many trials.

`racers`: who takes part; one line each. `trials`: the sweep of one racer. `confirming`: its best setting on
fresh seeds. `score`: what that comes to. `record`: characters.json. `ranking`: the table. `figure`:
characters.png. `run` calls them in turn; a race that was stopped goes on, and takes new racers in.
"""
