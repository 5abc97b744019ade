"""What each framework uses for Adam when told nothing.

    name           rate    b1   b2     eps    form
    tensorflow     0.001   0.9  0.999  1e-8   epsilon hat     tf.compat.v1.train.AdamOptimizer
    keras1         0.001   0.9  0.999  1e-8   epsilon hat     the rate over 1 + decay count, decay = 0
    keras          0.001   0.9  0.999  1e-7   epsilon hat     Keras 2 and 3, tf.keras
    blocks         0.002   0.9  0.999  1e-8   epsilon hat     decay factor of b1 taken as 1
    lasagne        0.001   0.9  0.999  1e-8   epsilon hat
    caffe          0.001   0.9  0.999  1e-8   epsilon hat
    mxnet          0.001   0.9  0.999  1e-8   epsilon hat
    torch7         0.001   0.9  0.999  1e-8   epsilon hat     Lua's optim.adam
    torch          0.001   0.9  0.999  1e-8   algorithm 1     torch.optim.Adam
    paper          0.001   0.9  0.999  1e-8   algorithm 1     Kingma and Ba, 2015
    paper_misprint 0.001   0.9  0.999  1e-7   algorithm 1     its eps, misprinted as 10e-8
    textbook_1e-6  0.001   0.9  0.999  1e-6   algorithm 1
    textbook_1e-7  0.001   0.9  0.999  1e-7   algorithm 1

algorithm 1     mu_hat / (sqrt(nu_hat) + eps)                                      `scale_by_adam`
epsilon hat     sqrt(1 - b2^t) / (1 - b1^t) mu / (sqrt(nu) + eps)                  `scale_by_adam_eps_hat`

With equal eps the second form has the larger eps: 31 times at t = 1, as much as 3 times at t = 100, the
same in the end. Blocks multiplies b1 by decay_factor^(t - 1); its code has a decay_factor of 1 - 1e-8,
which makes 0.99 of b1 after a million steps, and is left out here.
"""

from typing import NamedTuple

from adaptive_tx.compat.torch.decayed_rate import scale_by_decayed_learning_rate
from adaptive_tx.core.chain import chain
from adaptive_tx.core.checks import choice
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.rate import scale_by_learning_rate
from adaptive_tx.scale_by.adam import scale_by_adam
from adaptive_tx.scale_by.adam_eps_hat import scale_by_adam_eps_hat


class Row(NamedTuple):
    """One line of the table."""

    learning_rate: float = 0.001
    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8
    eps_hat: bool = True


TABLE = {
    "tensorflow": Row(),
    "keras1": Row(),
    "keras": Row(eps=1e-7),
    "blocks": Row(learning_rate=0.002),
    "lasagne": Row(),
    "caffe": Row(),
    "mxnet": Row(),
    "torch7": Row(),
    "torch": Row(eps_hat=False),
    "paper": Row(eps_hat=False),
    "paper_misprint": Row(eps=10e-8, eps_hat=False),
    "textbook_1e-6": Row(eps=1e-6, eps_hat=False),
    "textbook_1e-7": Row(eps=1e-7, eps_hat=False),
}


def defaults(name: str, learning_rate=None) -> Transformation:
    """Adam as a framework has it when told nothing, or nothing but the learning rate.

    Args:
      name: a row of the table above: "tensorflow", "keras1", "keras", "blocks", "lasagne", "caffe",
        "mxnet", "torch7", "torch", "paper", "paper_misprint", "textbook_1e-6", "textbook_1e-7".
      learning_rate: a number or a schedule; None: the framework's.

    Raises:
      ValueError: for another name.

    >>> defaults("blocks")  # doctest: +NORMALIZE_WHITESPACE
    chain(scale_by_adam_eps_hat(b1=0.9, b2=0.999, eps=1e-08),
          scale_by_learning_rate(learning_rate=0.002))
    """
    row = TABLE[choice("defaults", "name", name, tuple(TABLE))]
    rate = row.learning_rate if learning_rate is None else learning_rate
    rule = scale_by_adam_eps_hat if row.eps_hat else scale_by_adam
    last = scale_by_decayed_learning_rate if name == "keras1" else scale_by_learning_rate
    return chain(rule(b1=row.b1, b2=row.b2, eps=row.eps), last(rate))
