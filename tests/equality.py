"""Writes docs/equality.md, the table of who equals whom, from what the tests compare.

    PYTHONPATH=tests:tests/golden:. python tests/equality.py      (or: make equality)

Every number is measured when this runs: against the paper with the oracles, against torch and Keras
with their golden trajectories, against optax with optax itself. The reasons are written here, once.
"""

import json
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import catalogue
import harness
import jax
import numpy as np
import optax
import test_compat_keras
import test_compat_torch
import test_laws

import adaptive_tx as atx

SHIPPED = pathlib.Path(__file__).parent / "golden" / "as_shipped.json"
DOCUMENT = pathlib.Path(__file__).parent.parent / "docs" / "equality.md"


class Peer(NamedTuple):
    """What optax computes under this name."""

    make: Callable[[], Any] | None = None
    why: str = ""  # why it is another algorithm; empty: it is the same


class Line(NamedTuple):
    """A row of the table; the first cell names our function."""

    rule: str
    row: catalogue.Row | None = None  # in the catalogue, for the oracle
    torch: tuple[str, ...] = ()  # golden files
    torch_why: str = "torch has none"
    keras: tuple[str, ...] = ()
    keras_why: str = "Keras has none"
    optax: Peer = Peer(None, "optax has none")


def of(make: Callable, numbers: dict[str, float] | None = None, **settings: Any) -> catalogue.Row:
    """The catalogue's row of a rule, with these numbers and settings."""
    rows = (row for row in catalogue.CATALOGUE if make in (row.make, row.wrapper))
    return next(
        row
        for row in rows
        if settings.items() <= row.settings.items()
        and (numbers or {}).items() <= row.numbers.items()
    )


def same(make: Callable, numbers: dict[str, float] | None = None, **settings: Any) -> Peer:
    return Peer(of(make, numbers, **settings).optax)


def lars_of_optax() -> Any:
    return optax.chain(optax.add_decayed_weights(5e-4), optax.scale_by_trust_ratio(0.0, 0.001))


UNBOUNDED = {"min_norm": 0.0}
OUTSIDE, INSIDE = {"eps_in_root": False}, {"eps_in_root": True}
RATE_INSIDE = (
    "the rate is inside its buffer: another run once the rate changes; `compat.keras` has it"
)
LINES = [
    Line(
        "trace (SGD with momentum)",
        of(atx.trace),
        ("SGD",),
        "",
        ("SGD",),
        RATE_INSIDE,
        same(atx.trace),
    ),
    Line(
        "trace_nesterov",
        of(atx.trace_nesterov),
        ("SGD",),
        "",
        ("SGD",),
        RATE_INSIDE,
        same(atx.trace_nesterov),
    ),
    Line(
        "scale_by_adagrad, eps outside the root",
        of(atx.scale_by_adagrad, **OUTSIDE),
        ("Adagrad",),
        "",
        (),
        "eps is inside",
        Peer(lambda: optax.scale_by_rss(0.0, 1e-10), "eps is inside the root"),
    ),
    Line(
        "scale_by_adagrad, eps_in_root",
        of(atx.scale_by_adagrad, **INSIDE),
        (),
        "eps is outside",
        ("Adagrad",),
        "",
        same(atx.scale_by_adagrad, **INSIDE),
    ),
    Line(
        "scale_by_rms, eps outside",
        of(atx.scale_by_rms, **OUTSIDE),
        ("RMSprop",),
        "",
        (),
        "eps is inside",
        Peer(lambda: optax.scale_by_rms(0.9, 1e-8, eps_in_sqrt=False)),
    ),
    Line(
        "scale_by_rms, eps_in_root",
        of(atx.scale_by_rms, **INSIDE),
        (),
        "eps is outside",
        ("RMSprop",),
        "momentum has the rate inside its buffer",
        same(atx.scale_by_rms, **INSIDE),
    ),
    Line(
        "scale_by_centered_rms",
        of(atx.scale_by_centered_rms, **OUTSIDE),
        ("RMSprop",),
        "",
        ("RMSprop",),
        "eps inside",
        same(atx.scale_by_centered_rms, **OUTSIDE),
    ),
    Line(
        "scale_by_adadelta",
        of(atx.scale_by_adadelta),
        ("Adadelta",),
        "",
        ("Adadelta",),
        "",
        same(atx.scale_by_adadelta),
    ),
    Line(
        "scale_by_adam",
        of(atx.scale_by_adam),
        ("Adam", "AdamW"),
        "",
        (),
        "computes the epsilon-hat form",
        same(atx.scale_by_adam),
    ),
    Line(
        "scale_by_adam_eps_hat",
        of(atx.scale_by_adam_eps_hat),
        (),
        "computes Adam's algorithm 1",
        ("Adam", "AdamW"),
        "",
        Peer(optax.scale_by_adam, "computes algorithm 1: its eps is smaller by sqrt(1 - b2^t)"),
    ),
    Line(
        "scale_by_amsgrad",
        of(atx.scale_by_amsgrad),
        ("Adam",),
        "",
        ("Adam",),
        "eps as in the epsilon-hat form",
        Peer(optax.scale_by_amsgrad, "takes the maximum over the corrected nu"),
    ),
    Line(
        "scale_by_adamax",
        of(atx.scale_by_adamax),
        ("Adamax",),
        "",
        ("Adamax",),
        "eps beside nu",
        same(atx.scale_by_adamax),
    ),
    Line(
        "scale_by_nadam",
        of(atx.scale_by_nadam),
        (),
        "b1 grows with the steps: the next row",
        (),
        "b1 grows with the steps: the next row",
        same(atx.scale_by_nadam),
    ),
    Line(
        "scale_by_nadam_scheduled",
        of(atx.scale_by_nadam_scheduled),
        ("NAdam",),
        "",
        ("Nadam",),
        "momentum_decay is 1 there",
        Peer(lambda: optax.scale_by_adam(nesterov=True), "has a constant b1"),
    ),
    Line(
        "scale_by_radam",
        of(atx.scale_by_radam, below="momentum"),
        ("RAdam",),
        "adds eps before the bias correction",
        (),
        "Keras has none",
        same(atx.scale_by_radam, below="momentum"),
    ),
    Line("scale_by_radam_amsgrad", of(atx.scale_by_radam_amsgrad)),
    Line("scale_by_adabelief", of(atx.scale_by_adabelief), optax=same(atx.scale_by_adabelief)),
    Line("scale_by_adabelief_amsgrad", of(atx.scale_by_adabelief_amsgrad)),
    Line("scale_by_adabelief_rectified", of(atx.scale_by_adabelief_rectified)),
    Line(
        "scale_by_yogi",
        of(atx.scale_by_yogi),
        optax=Peer(optax.scale_by_yogi, "starts mu at the initial accumulator value too"),
    ),
    Line("scale_by_novograd", of(atx.scale_by_novograd), optax=same(atx.scale_by_novograd)),
    Line(
        "scale_by_prodigy",
        of(atx.scale_by_prodigy, use_bias_correction=True),
        optax=same(atx.scale_by_prodigy, use_bias_correction=True),
    ),
    Line(
        "scale_by_lion",
        of(atx.scale_by_lion),
        (),
        "torch has none",
        ("Lion",),
        "",
        same(atx.scale_by_lion),
    ),
    Line("scale_by_adam_atan2", of(atx.scale_by_adam_atan2)),
    Line("scale_by_stable_adam (StableAdamW)", of(atx.scale_by_stable_adam)),
    Line(
        "scale_by_algoperf_nadam",
        of(atx.scale_by_algoperf_nadam),
        torch_why="b1 grows with the steps",
        keras_why="b1 grows with the steps",
        optax=Peer(
            lambda: optax.scale_by_adam(nesterov=True),
            "divides each term by its own sum of weights, as `scale_by_nadam`",
        ),
    ),
    Line("scale_by_signum", of(atx.scale_by_signum)),
    Line("scale_by_laprop", of(atx.scale_by_laprop)),
    Line(
        "scale_by_adan",
        of(atx.scale_by_adan),
        optax=Peer(
            lambda: optax.scale_by_adan(),
            "takes the paper's formula with the code's numbers: d counts 1 - b2 in place of b2",
        ),
    ),
    Line("scale_by_mars", of(atx.scale_by_mars)),
    Line("scale_by_ademamix", of(atx.scale_by_ademamix), optax=same(atx.scale_by_ademamix)),
    Line(
        "scale_by_rms_debiased",
        of(atx.scale_by_rms_debiased),
        optax=same(atx.scale_by_rms_debiased),
    ),
    Line(
        "schedule_free_adamw",
        of(atx.schedule_free_adamw),
        optax=Peer(None, "the same steps, 2e-15; see below"),
    ),
    Line("scale_by_adopt", of(atx.scale_by_adopt), optax=same(atx.scale_by_adopt)),
    Line("compat.torch.asgd", None, ("ASGD",), "", optax=Peer(None, "optax has none")),
    Line(
        "scale_by_rprop",
        of(atx.scale_by_rprop),
        ("Rprop",),
        "",
        optax=Peer(None, "emits the step of the update before"),
    ),
    Line(
        "scale_by_factored_rms",
        of(atx.scale_by_factored_rms),
        (),
        "a least v in place of eps",
        (),
        "`compat.keras.adafactor` is made of it",
        same(atx.scale_by_factored_rms),
    ),
    Line(
        "scale_by_factored_rms_big_vision",
        of(atx.scale_by_factored_rms_big_vision),
        optax=same(atx.scale_by_factored_rms_big_vision),
    ),
    Line(
        "scale_by_param_rms",
        of(atx.scale_by_param_rms),
        (),
        "`compat.torch.adafactor` is made of it",
        (),
        "takes the size of the decayed p",
        same(atx.scale_by_param_rms),
    ),
    Line(
        "scale_by_trust_ratio (LAMB)",
        of(atx.scale_by_trust_ratio, UNBOUNDED),
        (),
        "torch has none",
        (),
        "decays before it takes the length: `compat.keras.lamb`",
        same(atx.scale_by_trust_ratio, UNBOUNDED),
    ),
    Line(
        "scale_by_lars",
        of(atx.scale_by_lars),
        optax=Peer(lars_of_optax, "divides by the length of g + weight_decay p"),
    ),
    Line(
        "scale_by_ftrl",
        of(atx.scale_by_ftrl),
        (),
        "torch has none",
        (),
        "more terms, 2 l2: `compat.keras.ftrl`",
    ),
    Line("scale_by_soap", of(atx.scale_by_soap)),
    Line("scale_by_shampoo", of(atx.scale_by_shampoo)),
    Line(
        "orthogonalize",
        of(atx.orthogonalize),
        (),
        "in bfloat16, max(norm, eps), and a factor: `compat.torch.muon`",
    ),
    Line("ema_nesterov", of(atx.ema_nesterov), (), "`compat.torch.muon` is made of it"),
    Line("scale_by_normuon", of(atx.scale_by_normuon)),
    Line("scale_by_lmo (Scion), spectral", of(atx.scale_by_lmo, norm="spectral")),
    Line("scale_by_lmo (Scion), inputs", of(atx.scale_by_lmo, norm="inputs")),
    Line(
        "add_decayed_weights (AdamW's decay)",
        of(atx.add_decayed_weights),
        ("AdamW",),
        "",
        ("AdamW",),
        "",
        same(atx.add_decayed_weights),
    ),
    Line(
        "compat.torch.adafactor",
        None,
        ("Adafactor",),
        "",
        keras_why="decays before it takes rms(p): `compat.keras.adafactor`",
        optax=Peer(None, "no relative step, factors the two largest axes, decay without the rate"),
    ),
    Line(
        "compat.torch.muon",
        None,
        ("Muon", "Muon_full"),
        "bfloat16 iteration, as torch; and in full",
        optax=Peer(None, "mixes momentum and gradient in another ratio; takes every matrix"),
    ),
    Line(
        "compat.keras.adafactor",
        None,
        (),
        "decays after it takes rms(p): `compat.torch.adafactor`",
        ("Adafactor", "Adafactor_full"),
        "as shipped it averages in float32; _full: in float64",
        Peer(None, "no relative step, factors the two largest axes, decay without the rate"),
    ),
    Line(
        "compat.keras.lamb",
        None,
        keras=("Lamb",),
        keras_why="",
        optax=Peer(None, "the decay is part of the direction, as in the paper; not compared"),
    ),
    Line("compat.keras.ftrl", None, keras=("Ftrl",), keras_why=""),
]

HEAD = """# Who equals whom

The largest difference seen, relative to max(1, |p|): after each of 30 steps for torch 2.13.0 and Keras
3.15.1 (parameters, over all settings and both problems of `tests/golden`: float64, then float32); after
50 steps for the papers and for optax 0.2.8 (directions, float64, relative to max(1, |u|)). `=` is the same
algorithm, `≠` another one, with the reason and how far the two are apart on the same gradients at the same
hyperparameters. torch and Keras columns compare `adaptive_tx.compat.torch` and `adaptive_tx.compat.keras`,
whose chains are made of the rule in the first column where no reason is given.

A number of torch or Keras is the largest of its optimizer; the last table has every setting. All are within
1e-12 in float64 and 5e-6 in float32, and the tests hold them to it, but for two optimizers that compute in
less: torch's Muon iterates in bfloat16 whatever its parameters are (2e-5 in float32 where this was
measured; up to 1e-2 where another processor rounds otherwise), Keras' Adafactor averages in float32 (4e-7
in float64).

This page is written by `make equality`; the bounds stand in `tests/test_compat_torch.py`,
`tests/test_compat_keras.py` and `tests/test_laws.py`.

| ours | paper | torch 2.13 | Keras 3 | optax 0.2.8 |
|---|---|---|---|---|
"""


def against_paper(row: catalogue.Row | None) -> str:
    if row is None:
        return "see its file"
    with jax.enable_x64(True):
        grads, params = harness.tree(1, "float64", steps=50), harness.tree(0, "float64")
        ours, _ = harness.run(row(), grads, params)
        return "= " + number(distance(ours, test_laws.expected(row, grads, params)))


def against_optax(row: catalogue.Row | None, peer: Peer) -> str:
    if peer.make is None or row is None:
        return peer.why
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        grads, params = harness.tree(1, "float64", steps=50), harness.tree(0, "float64")
        ours, _ = harness.run(row(), grads, params)
        theirs, _ = harness.run_optax(peer.make(), grads, params)
        apart = number(distance(ours, theirs))
    return f"≠ {apart}: {peer.why}" if peer.why else f"= {apart}"


def against_golden(files: tuple[str, ...], why: str, differences: dict) -> str:
    if not files:
        return why
    cells = []
    for name in files:
        found = [d for (file, _), d in differences.items() if file == name]
        worst = [number(max(d[p] for d in found)) for p in ("f64", "f32")]
        cells.append(f"{name} = {' / '.join(worst)}")
    return "; ".join([*cells, why] if why else cells)


def distance(ours, theirs) -> float:
    pairs = zip(jax.tree.leaves(ours), jax.tree.leaves(theirs))
    return max(float(np.max(np.abs(a - b) / np.maximum(1, np.abs(b)))) for a, b in pairs)


def number(x: float) -> str:
    """One digit: 3e-16."""
    return "0" if x == 0 else f"{x:.0e}".replace("e-0", "e-").replace("e+00", "")


def table(torch: dict, keras: dict, paper=against_paper, optax_=against_optax) -> str:
    """The page; the last two arguments and the dicts are what is measured."""
    rows = []
    for line in LINES:
        rows.append(
            f"| `{line.rule}` | {paper(line.row)} | {against_golden(line.torch, line.torch_why, torch)} "
            f"| {against_golden(line.keras, line.keras_why, keras)} | {optax_(line.row, line.optax)} |"
        )
    return (
        HEAD + "\n".join(rows) + "\n" + FOUND + SETTINGS + "\n".join(settings(torch, keras)) + "\n"
    )


def settings(torch: dict, keras: dict) -> list[str]:
    """The rows of the last table."""
    shipped = json.loads(SHIPPED.read_text())
    rows = []
    for framework, differences in (("torch", torch), ("Keras", keras)):
        for (name, setting), found in differences.items():
            own = shipped[framework.lower()].get(name, {}).get(setting)
            cells = name, setting, number(found["f64"]), number(found["f32"])
            last = "–" if own is None else number(own)
            rows.append(f"| {framework} {' | '.join(cells)} | {last} |")
    return rows


FOUND = """
## What was found in the peers

Each as measured in this repository or while the golden files were made.

- **optax `scale_by_radam`, float32**: rho_t cancels; at b2 = 0.9999 it adapts at steps 2, 4 and 5, where
  it should not before step 6 (`test_9_optax_radam_is_off_in_float32`).
- **optax `scale_by_adam`, float32**: 1 - b2^t cancels: 1e-4 relative at b2 = 0.99999 in the first thousand
  steps; ours stays within 1e-6 (`test_9_bias_correction`).
- **optax `scale_by_amsgrad`** takes the maximum over the corrected second moment, which the first steps
  dominate; no setting of it equals torch or Keras.
- **optax `scale_by_adadelta`** squares complex gradients without the modulus.
- **optax `scale_by_yogi`** starts the first moment at the initial accumulator value.
- **optax `schedule_free`** takes the average from the parameters: in bfloat16, after 4,000 steps that moved
  it by 0.23, it is off by 0.31, in float32 by 5e-5 (here 9e-4 and 3e-6); at b1 = 0 it is NaN. Its warm-up
  begins at a rate of 0, the authors' at lr / n: 0.04 apart after 30 steps. Else it is theirs to 2e-15.
- **optax `lookahead`** trains two trees; both are those of `lookahead`, to 1e-12 over 40 steps. So are
  those of pytorch_optimizer 4.1.0, around torch's SGD and Adam, to 7e-16; timm starts at its first sync.
- **C-AdamW**: the authors' formula (eps beside the uncorrected root, no decay) as a loop: 1e-15 from
  `cautious(scale_by_adam_eps_hat(eps=1e-6))` over 30 steps. pytorch_optimizer 4.1.0 scales the mask by
  n / (sum + 1), as the first version of the paper: 0.35 apart (Lion, 6 parameters, rate 0.05).
- **schedulefree 1.4.1**: parameters and averages equal to ours to 2e-15 over 30 steps in float64, with
  decay, r, power and its warm-up (`with_warmup(constant(lr), n - 1, start=1 / n)`); its code that keeps x
  also at beta1 = 0. pytorch_optimizer 4.1.0: 2e-15.
- **optax `adaptive_grad_clip`** takes the norm of a three-dimensional kernel over its first axis only.
- **adabelief_pytorch 0.2.1** (float64, 30 normal gradients at a rate of 0.01): `adabelief_rectified`
  equals its default, with decay too, to 3e-15, and with `below="none"` its `degenerated_to_sgd=False`;
  `adabelief_amsgrad` its `amsgrad=True, rectify=False` to 3e-16. With both flags it keeps the maximum, and
  does not use it. It adds the eps of the rectified root before the bias correction: 8e-10 at eps = 1e-8.
- **torch_optimizer 0.3.0's `AdaBelief`**, rectified, is 0.06 from the authors' over these steps.
- **prodigyopt 1.1.2** (float64, 60 steps of a small network from d0 = 1e-6, d up to 0.4, also under a
  warmup): `prodigy` equals it to 9e-16 after 20 steps and 7e-12 after 60, in all settings but two. With
  decay, to 1e-11 and 6e-8: p0 - p is of the size of d0 beside p, and summed in another order it keeps ten
  digits. At b1 = 0 it is another algorithm (3 apart): it multiplies the gradient by the new d.
- **optax.contrib.prodigy** equals `prodigy(use_bias_correction=True)` to 1e-14 over these steps. From the
  authors' default, which does not correct, it is 8e-5 after 6 steps and 1 after 20. It is NaN while all
  gradients are zero.
- **torch `NAdam`** keeps its product of momenta in torch's default dtype: float64 parameters get it in
  float32 unless the default is changed (1.6e-10 at a rate of 0.01).
- **torch `Muon`** iterates in bfloat16 whatever the parameters are; its docstring's momentum is a sum, its
  code an average.
- **torch `Adafactor`** takes the parameters' machine epsilon as its first epsilon: float32 and float64
  runs differ by 9e-3.
- **torch `clip_grad_norm_`** divides by norm + 1e-6: 2e-7 less than the bound.
- **torch `ASGD`** keeps eta and mu in torch's default dtype, as NAdam its product (1e-6 for float64
  parameters), and uses the rate of a step in the next one.
- **Keras `Adam`, float32** takes 1 - beta_2^t in float32: at a rate of 0.1, 1e-5 from its own float64 run,
  1e-4 at beta_2 = 0.9999, 1e-3 at 0.99999 (30 steps of problem "a").
- **optax with a scheduled b1 or b2** (`inject_hyperparams`) corrects by 1 - b_t^t, as if b had always been
  what it is now; ours by the sum of the weights given, 1 - b_1 b_2 ... b_t. For a number they are the same.
- **Keras on JAX averages in float32** whatever the dtype (`ops.mean`): float64 Adafactor is off by 4e-7.
- **Keras' cosine schedules** round to float32 whatever `floatx` is: 0.1 becomes 0.10000000149.
- **Keras decays before it steps**: the decay enters Lamb's norm and Adafactor's rms(p).
- **Keras `Adafactor`**: `relative_step` changes nothing; its step is min(rate, 1/sqrt(t)) either way.
- **Keras and torch `Adafactor`** agree without weight decay and differ with it (4e-4 at decay 0.1).
- **Keras `Ftrl`** forgets the initial parameters: a zero gradient at the first step makes a parameter 0.

## Against the authors' code

Whole trainings of three leaves, 40 steps in float64, parameters relative to max(1, |p|), with the authors'
code or packages as they are (2026-11); run by hand, they are not part of the tests.

- **Muon** with its auxiliary Adam, **NorMuon**, **Scion** (all norms; constrained or not): the authors'
  code, iterating in float64 in place of bfloat16, 2e-15, 1e-15 and 6e-15. optax 0.2.8's `contrib.muon` at
  the same eps: 7e-3 at rate 0.02, for its mean is debiased before it looks ahead; 4e-8 without `nesterov`.
- **AdEMAMix**: the authors' code for torch 8e-16, pytorch_optimizer 4.1.0 2e-15. With warm-ups the code for
  torch is a count ahead of the schedules (`lambda count: schedule(count + 1)`), and takes half-lives of
  b + 1e-8: 6e-7 apart, 1e-15 with that taken out. The authors' code for JAX: 2e-7, part of it in float32.
- **MARS**: the authors' code 6e-16, its recipe with AdamW for what is no matrix 2e-16; timm 1.0.31 takes g
  itself at t = 1, 2e-2 apart where nothing is clipped; pytorch_optimizer 9e-8.
- **StableAdamW**: optimi 0.3.3 2e-15, pytorch_optimizer 3e-15.
- **Adam-atan2**: adam-atan2-pytorch 0.4.1 2e-15.
- **AlgoPerf's NAdamW**: the baseline for torch 1e-15, that for JAX 8e-16; `nadamw` is 2e-2 from it.
- **big_vision's Adafactor** takes b2 in float32: 6e-9, with its momentum in float64; timm's form 2e-8.
- **Decays**: Adan's proximal step (timm) 9e-15, without it 3e-15; LaProp's of the new p, as a loop of the
  authors' code, 2e-15; ADOPT's in the gradient (timm, with the authors' exponent) 1e-16.
- **SOAP**: the authors' code, with its casts to float32 taken out, 6e-15 (20 steps, 5 x 4 to 32 x 32 and
  32 x 31, new bases every 3). With a decay of 0.1, 3e-3: it decays what the step has led to, and nothing in
  its first step.
"""


SETTINGS = """
## Every setting

The largest difference over 30 steps of both problems, relative to max(1, |p|), for the settings in
`tests/golden/problems.py`: ours against the framework, all in float64, and all in float32. "As shipped" is
the framework against itself: its float64 run against one with float64 parameters and its default dtype left
at float32 (torch.get_default_dtype, keras.config.floatx), as most programs leave it. So far ours, in
float64, is from what such a program computes. – is not a run of the framework as it is: `_full` is its code
with a cast taken out.

| optimizer | setting | float64 | float32 | as shipped |
|---|---|---|---|---|
"""


if __name__ == "__main__":
    DOCUMENT.write_text(
        table(test_compat_torch.largest_differences(), test_compat_keras.largest_differences())
    )
    print(DOCUMENT)
