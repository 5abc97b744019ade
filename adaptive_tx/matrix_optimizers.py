"""The named optimizers of matrices: each is the chain it returns. Other leaves go to others, by `grouped`.

    grouped({"matrices": muon(0.02)}, by=matrices(but="embed|head"), default=adamw(3e-4))

The mathematics is in the rules' files. Rows of a matrix are inputs, columns outputs; `axes=` says which
axes these are where a leaf is no plain matrix. For recipes see docs/muon.md.
"""

from collections.abc import Sequence
from typing import Literal

from jax.sharding import NamedSharding, PartitionSpec

from adaptive_tx.core.chain import chain
from adaptive_tx.core.checks import flag
from adaptive_tx.core.matrices import MatrixAxes
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.newton_schulz import ListName, Polynomial
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import LeafPredicate, MaskOrFunction, ScalarOrSchedule
from adaptive_tx.decay import decoupled
from adaptive_tx.rate import scale_by_learning_rate
from adaptive_tx.scale_by.ema import ema
from adaptive_tx.scale_by.ema_nesterov import ema_nesterov
from adaptive_tx.scale_by.kron import scale_by_kron
from adaptive_tx.scale_by.lmo import NormName, scale_by_lmo
from adaptive_tx.scale_by.normuon import scale_by_normuon
from adaptive_tx.scale_by.orthogonalize import FactorName, orthogonalize
from adaptive_tx.scale_by.shampoo import scale_by_shampoo
from adaptive_tx.scale_by.soap import scale_by_soap


@explained
def muon(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.95,
    nesterov: bool = True,
    coefficients: ListName | Sequence[Polynomial] = "jordan",
    factor: FactorName = "original",
    eps: ScalarOrSchedule = 1e-7,
    slack: ScalarOrSchedule = 1.0,
    weight_decay: ScalarOrSchedule | None = None,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
    axes: MatrixAxes = "matrices",
    precision: Literal["highest", "bfloat16"] = "highest",
    stack_sharding: NamedSharding | PartitionSpec | None = None,
) -> Transformation:
    """Muon, of matrices alone: momentum made orthogonal (`orthogonalize`), with decoupled decay if given.

    Args:
      learning_rate: how far a matrix moves in each step, >= 0, in the unit of the parameters; a number or a
        schedule. By `factor` it is the spectral norm of a step (often 0.02), or AdamW's rate.
      b1: how much of the momentum is kept at each step, in [0, 1), default 0.95; nearer to 1 averages over
        more steps.
      nesterov: default True, the momentum looks one step ahead; False: it does not, and follows later.
      coefficients: the polynomials that make a matrix orthogonal, default "jordan": the name of a list, or
        one (a, b, c) for each iteration; "polar_express" comes nearer to singular values of 1 in as many.
      factor: what a step is multiplied by, of rows and columns, default "original": sqrt(max(1, out / in));
        "match_rms_adamw": AdamW's rates and decay serve; "spectral": rates serve for other widths.
      eps: is added to the norm, > 0, default 1e-7, in the unit of the gradients: gradients below it make
        smaller steps.
      slack: what the norm is multiplied by, >= 1, default 1.0; Polar Express has
        1.01 or 1.02, so that rounding makes no singular value larger than 1.
      weight_decay: >= 0 or None, default None, which is no decay; times the rate it is the part of each
        matrix lost in a step: more of it keeps the weights small.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one.
      only: the same as a predicate on path and array: `only=lambda path, p: "mlp" in path`.
      axes: which axes of a leaf are rows (inputs) and columns (outputs), default "matrices": leaves of two
        axes, and no others; "last_two", "first_in", "last_out", or a function, as in `orthogonalize`.
      precision: of the products, default "highest": float32 at least; "bfloat16" is faster where there are
        units for it, and moves a step by 2.5 % of its norm.
      stack_sharding: where stacks [matrix, row, column] of equal matrices lie on a mesh, default None: as
        the compiler has it; P("data") gives each device whole matrices.
    """
    who = "muon"
    return chain(
        ema_nesterov(b1) if flag(who, "nesterov", nesterov) else ema(b1, debias=False),
        orthogonalize(
            coefficients=coefficients,
            factor=factor,
            eps=eps,
            slack=slack,
            precision=precision,
            axes=axes,
            stack_sharding=stack_sharding,
        ),
        *decoupled(who, weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )


@explained
def normuon(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.95,
    b2: ScalarOrSchedule = 0.95,
    coefficients: ListName | Sequence[Polynomial] = "jordan",
    factor: FactorName = "original",
    eps: ScalarOrSchedule = 1e-7,
    slack: ScalarOrSchedule = 1.0,
    eps_rms: ScalarOrSchedule = 1e-10,
    weight_decay: ScalarOrSchedule | None = None,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
    axes: MatrixAxes = "matrices",
    precision: Literal["highest", "bfloat16"] = "highest",
    stack_sharding: NamedSharding | PartitionSpec | None = None,
) -> Transformation:
    """NorMuon: Muon, whose outputs are brought to one size (`scale_by_normuon`). Of matrices alone.

    Args:
      learning_rate: as for `muon`: >= 0, in the unit of the parameters; a number or a schedule. Often 0.02.
      b1: how much of the momentum is kept at each step, in [0, 1), default 0.95; nearer to 1 averages over
        more steps.
      b2: decay of the mean square of each output, in [0, 1), default 0.95; nearer to 1 averages over more
        steps, and 0 makes all outputs of a step equally large.
      coefficients: the polynomials that make a matrix orthogonal, default "jordan", as for `muon`.
      factor: what a step is multiplied by, of the rows and columns, default "original", as for `muon`.
      eps: is added to the norm, > 0, default 1e-7, in the unit of the gradients: gradients below it make
        smaller steps.
      slack: what the norm is multiplied by, >= 1, default 1.0, as for `muon`.
      eps_rms: keeps the quotients of the outputs finite, > 0, default 1e-10, no unit; much more of it
        leaves small outputs small.
      weight_decay: >= 0 or None, default None, which is no decay; times the rate it is the part of each
        matrix lost in a step: more of it keeps the weights small.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one.
      only: the same as a predicate on path and array: `only=lambda path, p: "mlp" in path`.
      axes: which axes of a leaf are rows (inputs) and columns (outputs), default "matrices", as for `muon`.
      precision: of the products, default "highest", or "bfloat16", as for `muon`: faster, and less exact.
      stack_sharding: where stacks of equal matrices lie on a mesh, default None, as for `muon`.
    """
    return chain(
        ema_nesterov(b1),
        orthogonalize(
            coefficients=coefficients,
            eps=eps,
            slack=slack,
            precision=precision,
            axes=axes,
            stack_sharding=stack_sharding,
        ),
        scale_by_normuon(b2=b2, eps_rms=eps_rms, factor=factor, axes=axes),
        *decoupled("normuon", weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )


@explained
def scion(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    norm: NormName = "spectral",
    radius: ScalarOrSchedule = 50.0,
    weight_decay: ScalarOrSchedule | None = 1.0,
    eps: ScalarOrSchedule | None = None,
    coefficients: ListName | Sequence[Polynomial] = "jordan",
    axes: MatrixAxes = "matrices",
) -> Transformation:
    """Scion: the momentum's direction of a given size, in the norm of the layer (`scale_by_lmo`).

    Args:
      learning_rate: the part of the way to that direction that is gone in a step, >= 0, no unit; a number,
        or a schedule that ends at 0. Often 2^-12 to 2^-9.
      b1: how much of the mean is kept at each step, in [0, 1), default 0.9 (the authors' momentum of 0.1);
        nearer to 1 averages over more steps.
      norm: the layer's, default "spectral" for hidden matrices; "sign" for heads, "inputs" for embeddings,
        "rms" for vectors; each a group of its own.
      radius: the size of a direction, > 0, default 50.0, and of the weights that can be reached; 3000 for
        heads.
      weight_decay: >= 0 or None, default 1.0: the weights stay within the radius (constrained Scion); None
        is unconstrained.
      eps: keeps quotients finite, > 0, in the unit of the gradients: what is smaller makes smaller steps;
        None is 1e-7 for "spectral", 1e-8 for other norms, as in the authors' code.
      coefficients: the polynomials of "spectral", default "jordan", as for `muon`.
      axes: which axes of a leaf are rows (inputs) and columns (outputs), default "matrices", as for `muon`.
    """
    return chain(
        ema(b1, debias=False),
        scale_by_lmo(norm=norm, radius=radius, eps=eps, coefficients=coefficients, axes=axes),
        *decoupled("scion", weight_decay, None, None),
        scale_by_learning_rate(learning_rate),
    )


@explained
def soap(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.95,
    b2: ScalarOrSchedule = 0.95,
    b3: ScalarOrSchedule = 0.95,
    eps: ScalarOrSchedule = 1e-8,
    every: ScalarOrSchedule = 10.0,
    max_size: int = 10_000,
    weight_decay: ScalarOrSchedule | None = None,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
    axes: MatrixAxes = "matrices",
) -> Transformation:
    """SOAP: Adam in the eigenbases of Shampoo's preconditioners (`scale_by_soap`). Of matrices alone.

    The first gradient makes the bases, and no step.

    Args:
      learning_rate: about how far an entry moves in each step, in the bases, >= 0, in the unit of the
        parameters; a number or a schedule. Often 0.003, as Adam's.
      b1: how much of the mean of gradients is kept at each step, in [0, 1), default 0.95; nearer to 1
        averages over more steps.
      b2: the same of the mean of squares, in [0, 1), default 0.95: nearer to 1 the sizes of steps change
        more slowly.
      b3: the same of the second moments whose eigenvectors are the bases, in [0, 1), default 0.95: nearer
        to 1 the bases turn more slowly.
      eps: is added to the root, > 0, default 1e-8, in the unit of the gradients: gradients below it make
        smaller steps.
      every: after how many steps new bases are computed, >= 1, default 10.0: more steps cost less
        each, and follow the gradients later.
      max_size: rows or columns beyond so many have no basis, default 10000; their side is as in Adam.
      weight_decay: >= 0 or None, default None, which is no decay; times the rate it is the part of each
        matrix lost in a step: more of it keeps the weights small.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one.
      only: the same as a predicate on path and array: `only=lambda path, p: "mlp" in path`.
      axes: which axes of a leaf are rows (inputs) and columns (outputs), default "matrices", as for `muon`.
    """
    return chain(
        scale_by_soap(b1=b1, b2=b2, b3=b3, eps=eps, every=every, max_size=max_size, axes=axes),
        *decoupled("soap", weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )


@explained
def shampoo(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    b3: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-8,
    damping: ScalarOrSchedule = 1e-12,
    every: ScalarOrSchedule = 10.0,
    max_size: int = 10_000,
    weight_decay: ScalarOrSchedule | None = None,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
    axes: MatrixAxes = "matrices",
) -> Transformation:
    """Shampoo with the length of Adam's steps, of matrices alone (`scale_by_shampoo`).

    Args:
      learning_rate: as Adam's, whose steps are as long: >= 0, in the unit of the parameters; a number or a
        schedule. Often 0.001.
      b1: how much of the mean of gradients is kept at each step, in [0, 1), default 0.9; nearer to 1
        averages over more steps.
      b2: the same of the mean of squares that makes the length, in [0, 1), default 0.999: nearer to 1 it
        changes more slowly.
      b3: the same of the second moments of rows and columns, in [0, 1), default 0.999: nearer to 1 their
        roots change more slowly.
      eps: is added to Adam's root, > 0, default 1e-8, in the unit of the gradients: gradients below it make
        smaller steps.
      damping: is added to the eigenvalues of the second moments, > 0, default 1e-12, in the unit of squared
        gradients: more of it makes the direction more like the mean's; less than 1e-7 of the largest is
        noise in float32 where they have not full rank.
      every: after how many steps new roots are computed, >= 1, default 10.0: more steps cost less
        each, and follow the gradients later.
      max_size: rows or columns beyond so many have no root, default 10000; their side is left as it is.
      weight_decay: >= 0 or None, default None, which is no decay; times the rate it is the part of each
        matrix lost in a step: more of it keeps the weights small.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one.
      only: the same as a predicate on path and array: `only=lambda path, p: "mlp" in path`.
      axes: which axes of a leaf are rows (inputs) and columns (outputs), default "matrices", as for `muon`.
    """
    rule = scale_by_shampoo(
        b1=b1,
        b2=b2,
        b3=b3,
        eps=eps,
        damping=damping,
        every=every,
        max_size=max_size,
        axes=axes,
    )
    return chain(
        rule,
        *decoupled("shampoo", weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )


@explained
def kron(
    learning_rate: ScalarOrSchedule,
    *,
    b1: ScalarOrSchedule = 0.9,
    factor_rate: ScalarOrSchedule = 0.1,
    eps: ScalarOrSchedule = 1e-9,
    max_rms: ScalarOrSchedule = 1.1,
    every: ScalarOrSchedule = 1.0,
    probe_seed: ScalarOrSchedule = 0.0,
    max_size: int = 8192,
    weight_decay: ScalarOrSchedule | None = None,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
    axes: MatrixAxes = "matrices",
) -> Transformation:
    """PSGD-Kron: the mean of gradients made white by two factors (`scale_by_kron`). Of matrices alone.

    Args:
      learning_rate: about how far an entry moves in each step, >= 0, in the unit of the parameters; a
        number or a schedule. Often a third of Adam's.
      b1: how much of the mean of gradients is kept at each step, in [0, 1), default 0.9; nearer to 1
        averages over more steps.
      factor_rate: how fast the factors learn, from 0 to 1 (>= 0), default 0.1: less of it makes them
        steadier.
      eps: noise they are taught with, > 0, default 1e-9, in the unit of the gradients: gradients below it
        make smaller steps.
      max_rms: the largest root mean square of a direction, > 0, default 1.1, no unit; it matters while the
        factors learn.
      every: after how many steps the factors change, >= 1, default 1.0; the
        authors begin with 1 and end with 33, by a schedule.
      probe_seed: of the random numbers, a whole number >= 0 and up to 2^24, default 0.0; another one gives
        another run.
      max_size: rows or columns beyond so many have no factor, default 8192; their side stays as it is.
      weight_decay: >= 0 or None, default None, which is no decay; times the rate it is the part of each
        matrix lost in a step: more of it keeps the weights small.
      mask: which leaves decay, default all: a tree of bools like the parameters, or a function from them
        to one.
      only: the same as a predicate on path and array: `only=lambda path, p: "mlp" in path`.
      axes: which axes of a leaf are rows (inputs) and columns (outputs), default "matrices", as for `muon`.
    """
    rule = scale_by_kron(
        b1=b1,
        factor_rate=factor_rate,
        eps=eps,
        max_rms=max_rms,
        every=every,
        probe_seed=probe_seed,
        max_size=max_size,
        axes=axes,
    )
    return chain(
        rule,
        *decoupled("kron", weight_decay, mask, only),
        scale_by_learning_rate(learning_rate),
    )
