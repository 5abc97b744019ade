"""The demo: named optimizers race on handwritten digits, over a grid of learning rates and seeds.

`command`, `options`: what is asked. `run`: trains with `tune.train`, and calls the others in turn.
`score`: from runs to numbers. `report`: the table. `figure`: race.png. `record`: race.json.
It needs scikit-learn, rich and matplotlib, which the library itself does not: the `demo` extra.
"""
