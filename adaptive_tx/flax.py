"""Flax's training state and optimizer that hold the optimizer as data: a new rate does not compile again.

Flax keeps `tx` static, so that another rate is another program. Here its numbers are leaves like the
parameters: they can be replaced, mapped over and checkpointed. Needs the extra `flax`.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import optax
from flax import nnx, struct
from flax.training import train_state
from jax import lax
from jax.tree_util import keystr

from adaptive_tx.core.arguments import Static
from adaptive_tx.core.transformation import Transformation, transformation_of
from adaptive_tx.wrappers.eval_params import eval_params

Model = TypeVar("Model")
UPDATE = "update(grads, state, params, value=loss)"  # how parts that watch a value ask for it


class TrainState(train_state.TrainState):
    """`flax.training.train_state.TrainState` whose `tx` is data.

    `state.replace(tx=state.tx.replace(learning_rate=0.01))` goes on with another rate in the same compiled
    step; `jax.vmap` over rates makes a state for each. A checkpoint holds the numbers of `tx` too.

    >>> import jax, jax.numpy as jnp, adaptive_tx as atx
    >>> params = {"w": jnp.ones(3)}
    >>> state = TrainState.create(apply_fn=None, params=params, tx=atx.sgd(0.5))
    >>> step = jax.jit(lambda state: state.apply_gradients(grads=state.params))
    >>> state = step(state)
    >>> state = step(state.replace(tx=state.tx.replace(learning_rate=0.25)))
    >>> state.params["w"]
    Array([0.375, 0.375, 0.375], dtype=float32)
    """

    tx: optax.GradientTransformation = struct.field(pytree_node=True)

    @classmethod
    def create(cls, *, apply_fn, params, tx, **kwargs):
        """As Flax's.

        Args:
          apply_fn: the model's `apply`.
          params: the parameters.
          tx: ours, or optax's, which has no numbers that could be data.
          **kwargs: the fields that a class of your own adds.
        """
        tx = transformation_of(cls.__name__, "tx", tx)
        return super().create(apply_fn=apply_fn, params=params, tx=tx, **kwargs)

    def apply_gradients(self, *, grads, value: Any = None, **kwargs):
        """As Flax's, and the loss goes to the optimizer, where one of its parts asks for it.

        Args:
          grads: like the parameters.
          value: the loss, or what `reduce_on_plateau` and `guarded_by_z_score` else watch.
          **kwargs: fields to replace, such as `batch_stats`.

        Raises:
          TypeError: without a value that a part needs.
        """
        told = self.replace(tx=_Told(self.tx, value))
        apply = super(TrainState, told).apply_gradients
        with _asking_for_it("state.apply_gradients(grads=grads, value=loss)"):
            return apply(grads=grads, **{"tx": self.tx, **kwargs})

    @property
    def eval_params(self) -> Any:
        """The weights to evaluate: the average that the optimizer keeps, or `params` if it keeps none."""
        return eval_params(self.opt_state, self.params)


class Optimizer(nnx.Optimizer[Model]):
    """`flax.nnx.Optimizer` whose `tx` is data: its numbers are variables, like the step and the state.

    `optimizer.tx = optimizer.tx.replace(learning_rate=0.01)` between two steps goes on with another rate in
    the same compiled step; `nnx.vmap` over rates makes an optimizer for each. `nnx.state` of it, and so a
    checkpoint, holds the numbers too.

    >>> import jax.numpy as jnp, adaptive_tx as atx
    >>> from flax import nnx
    >>> model = nnx.Linear(2, 1, rngs=nnx.Rngs(0))
    >>> optimizer = Optimizer(model, atx.sgd(0.5), wrt=nnx.Param)
    >>> optimizer.tx = optimizer.tx.replace(learning_rate=0.25)
    >>> [float(number[...]) for number in nnx.state(optimizer)["numbers"].values()]
    [0.25]
    """

    def __init__(self, model: Model, tx: Any, **kwargs: Any):
        """As Flax's.

        Args:
          model: an NNX module.
          tx: ours, or optax's, which has no numbers that could be data.
          **kwargs: `wrt`, the variables to train, and what else Flax takes.
        """
        super().__init__(model, tx, **kwargs)

    def __setattr__(self, name: str, value: Any):
        if name != "tx":
            return super().__setattr__(name, value)
        tx = transformation_of(type(self).__name__, "tx", value)
        flat, treedef = jax.tree.flatten_with_path(tx)
        structure = Static(treedef)
        arrays = {keystr(path, simple=True, separator="."): _array(x) for path, x in flat}
        if "structure" not in vars(self):
            self.structure = structure
            self.numbers = nnx.data({name: nnx.OptState(x) for name, x in arrays.items()})
        elif structure != self.structure:
            raise ValueError(
                f"{type(self).__name__}: tx is {self.tx!r}, and its state would not do for {tx!r}; make a "
                "new optimizer, and if the run is to go on, migrate its state."
            )
        for name, array in arrays.items():
            self.numbers[name][...] = array

    def update(self, model: Model, grads: Any, /, **kwargs: Any) -> Any:
        """As Flax's: `optimizer.update(model, grads, value=loss)` gives the loss to what watches it."""
        with _asking_for_it("optimizer.update(model, grads, value=loss)"):
            return super().update(model, grads, **kwargs)

    def eval_params(self, model: Model) -> Any:
        """The weights of the model to evaluate: the average that the optimizer keeps, or as they are.

        They come as an `nnx.State`, to be put into a copy: `ready = nnx.clone(model)`, then
        `nnx.update(ready, optimizer.eval_params(model))`; training goes on with the model's own.
        """
        return eval_params(self.opt_state, nnx.state(model, self.wrt))

    @property
    def tx(self) -> Transformation:
        """The optimizer, with the numbers as arrays; `tx.concrete()` has Python's."""
        names = self.structure.value.unflatten(range(self.structure.value.num_leaves))
        order = [keystr(p, simple=True, separator=".") for p, _ in jax.tree.leaves_with_path(names)]
        return self.structure.value.unflatten([self.numbers[name][...] for name in order])


class _Told(NamedTuple):
    """An optimizer that is told a value beside the gradients."""

    tx: optax.GradientTransformation
    value: Any

    def update(self, grads, state, params):
        tx = optax.with_extra_args_support(self.tx)
        return tx.update(
            grads, state, params, **({} if self.value is None else {"value": self.value})
        )


@contextlib.contextmanager
def _asking_for_it(call: str) -> Iterator[None]:
    """Whoever asks for a value asks for it as one gives it here."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if UPDATE not in str(error):
            raise
        raise type(error)(str(error).replace(UPDATE, call)) from None


def _array(x) -> jax.Array:
    """A number as an array, strongly typed, so that one from a program is like one from outside."""
    array = jnp.asarray(x, float if isinstance(x, float) else None)
    return lax.convert_element_type(array, array.dtype)
