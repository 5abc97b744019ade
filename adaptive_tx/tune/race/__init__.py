"""The demo: a preset of tune on handwritten digits, with one figure that compares the optimizers.

`command`, `options`: what is asked. `run`: trains with `tune.train`, and calls the others in turn.
`score`: from runs to numbers. `ranking`: the table. `figure`: race.png. `record`: race.json.
"""
