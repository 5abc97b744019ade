"""Optimizers of programs that nobody here wrote, as they stand and with ours: the losses of both.

    python benchmarks/real_programs.py FOLDER

The folder has clones of google/flax, luchris429/purejaxrl and cgarciae/nanoGPT-jax. What a program builds
its optimizer from is read from its source, and changed as its diff says. Both versions train one network on
scikit-learn's digits for 200 steps; nanoGPT-jax trains its own model. The results: docs/real_programs.md.
"""

import argparse
import ast
import pathlib
import sys
import types

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.training.train_state import TrainState
from sklearn.datasets import load_digits

import adaptive_tx as atx

CONFIG = types.SimpleNamespace(
    learning_rate=0.005,
    warmup_steps=20,
    weight_decay=0.1,
    warmup_epochs=2,
    num_epochs=20,
    momentum=0.9,
)
PPO = {
    "NUM_MINIBATCHES": 4,
    "UPDATE_EPOCHS": 4,
    "NUM_UPDATES": 25,
    "LR": 2.5e-3,
    "MAX_GRAD_NORM": 0.5,
}

# nanoGPT-jax is of February 2023: what Flax and JAX have changed since, in both versions.
OF_2023 = {
    "self.c_attn(x).split(3, axis=-1)": "jnp.split(self.c_attn(x), 3, axis=-1)",
    "freeze(path_aware_map(partition_fn, params))": "path_aware_map(partition_fn, params)",
}

# Where the pieces are, the functions that are taken, the optimizer, and the lines that change.
PROGRAMS = {
    "lm1b": (
        "flax/examples/lm1b/train.py",
        ["rsqrt_schedule", "create_learning_rate_schedule"],
        "optax.adamw(create_learning_rate_schedule(config.learning_rate, config.warmup_steps), b1=0.9, "
        "b2=0.98, eps=1e-9, weight_decay=config.weight_decay)",
        [("optax.adamw(", "atx.adamw(")],
    ),
    "imagenet": (
        "flax/examples/imagenet/train.py",
        ["create_learning_rate_fn"],
        "optax.sgd(learning_rate=create_learning_rate_fn(config, 0.05, 10), momentum=config.momentum, "
        "nesterov=True)",
        [("optax.sgd(", "atx.nesterov("), ("momentum=", "decay="), (", nesterov=True", "")],
    ),
    "mnist": (
        "flax/examples/mnist/train.py",
        [],
        "optax.sgd(config.learning_rate, config.momentum)",
        [("optax.sgd(", "atx.momentum("), ("config.momentum", "decay=config.momentum")],
    ),
    "sst2": (
        "flax/examples/sst2/train.py",
        [],
        "optax.chain(optax.sgd(learning_rate=config.learning_rate, momentum=config.momentum), "
        "optax.add_decayed_weights(weight_decay=-1e-4))",
        [("optax.sgd(", "atx.momentum("), ("momentum=", "decay=")],
    ),
    "purejaxrl PPO": (
        "purejaxrl/purejaxrl/ppo.py",
        ["linear_schedule"],
        'optax.chain(optax.clip_by_global_norm(ppo["MAX_GRAD_NORM"]), '
        "optax.adam(learning_rate=linear_schedule, eps=1e-5))",
        [("optax.", "atx.")],
    ),
}


def functions(path: pathlib.Path, names: list[str]) -> str:
    """The source of the functions with these names, wherever they stand in a file."""
    text = path.read_text()
    found = [n for n in ast.walk(ast.parse(text)) if getattr(n, "name", None) in names]
    return "\n".join(ast.unparse(n) for n in sorted(found, key=lambda n: names.index(n.name)))


def digits():
    data = load_digits()
    x, y = jnp.asarray(data.data / 16.0, jnp.float32), jnp.asarray(data.target)
    model = nn.Sequential([nn.Dense(32), nn.relu, nn.Dense(10)])
    state = model.init(jax.random.key(0), x)

    def loss_of(params):
        scores = jax.nn.log_softmax(model.apply(params, x))
        return -jnp.mean(jnp.take_along_axis(scores, y[:, None], axis=1))

    return state, loss_of


def losses(tx, params, loss_of, steps: int = 200):
    state = TrainState.create(apply_fn=None, params=params, tx=tx)

    @jax.jit
    def step(state):
        loss, grads = jax.value_and_grad(loss_of)(state.params)
        return state.apply_gradients(grads=grads), loss

    found = []
    for _ in range(steps):
        state, loss = step(state)
        found.append(float(loss))
    return np.array(found)


def of_programs(folder: pathlib.Path):
    params, loss_of = digits()
    for name, (where, names, optimizer, changes) in PROGRAMS.items():
        given = {
            "optax": optax,
            "atx": atx,
            "jnp": jnp,
            "config": CONFIG,
            "ppo": PPO,
            "Any": object,
        }
        given["ml_collections"] = types.SimpleNamespace(ConfigDict=object)
        source = (
            functions(folder / where, names)
            .replace('config["', 'ppo["')
            .replace("config['", "ppo['")
        )
        exec(source, given)
        changed = optimizer
        for old, new in changes:
            changed = changed.replace(old, new)
        yield name, *(losses(eval(text, given), params, loss_of) for text in (optimizer, changed))


def of_nanogpt(folder: pathlib.Path):
    """Its own model and its own `create_state`; one line of `get_optimizer` changes."""
    text = (folder / "nanoGPT-jax" / "model.py").read_text()
    for old, new in OF_2023.items():
        text = text.replace(old, new)
    tokens = jax.random.randint(jax.random.key(1), (4, 33), 0, 32)
    found = []
    for source in (text, text.replace("return optax.adamw(", "return atx.adamw(")):
        module = types.ModuleType("nanogpt")
        module.__dict__["atx"] = atx
        sys.modules["nanogpt"] = module
        exec(compile(source, "model.py", "exec"), module.__dict__)
        config = module.GPTConfig(
            block_size=32, vocab_size=32, n_layer=2, n_head=2, n_embd=32, dropout=0.0
        )
        model = module.GPT(config)
        state = model.create_state(3e-3, 0.1, 0.9, 0.95, True, 10, 100, 3e-4)

        def loss_of(params, model=model):
            return model.apply(
                {"params": params}, tokens[:, :-1], train=False, targets=tokens[:, 1:]
            )[1]

        found.append(losses(state.tx, state.params, loss_of, 100))
    return "nanoGPT-jax", *found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    print("| program | steps | first loss | last, optax | last, ours | largest difference |")
    print("|---|---|---|---|---|---|")
    for name, theirs, ours in [*of_programs(folder), of_nanogpt(folder)]:
        apart = np.max(np.abs(ours / theirs - 1))
        print(
            f"| {name} | {len(ours)} | {theirs[0]:.6g} | {theirs[-1]:.6g} | {ours[-1]:.6g} | {apart:.1e} |"
        )


if __name__ == "__main__":
    main()
