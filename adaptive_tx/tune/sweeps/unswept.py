"""What to do about an axis that does nothing: where its number is hidden, and what takes its place."""

import re

OURS = {  # by what hides it: a function of optax
    "masked": "adaptive_tx.masked",
    "MultiSteps": "adaptive_tx.accumulated",
    "chain": "adaptive_tx.chain",
    "named_chain": "adaptive_tx.chain",
    "partition": "adaptive_tx.grouped",
    "apply_if_finite": "adaptive_tx.guarded",
    "lookahead": "adaptive_tx.lookahead",
    "schedule_free": "adaptive_tx.schedule_free",
    "inject_hyperparams": "nothing around it: every number of ours can be swept",
    "inject_stateful_hyperparams": "nothing around it: every number of ours can be swept",
}
HIDING = re.compile(r"<(?:optax )?(\w+)>")


OTHERWISE = (
    "An axis is a number or a setting of the optimizer. Several optimizers are a dict of sweeps, "
    'train(loss, params, data, {"adam": sweep(adam, ...), "lion": sweep(lion, ...)}, ...); of a batch '
    "size, a width or a number of steps each value is a training of its own, "
    "{n: train(..., batch_size=n) for n in (32, 64)}."
)


def unswept(optimizer: str) -> str:
    """What to do, from an optimizer as it prints."""
    hiding = list(dict.fromkeys(HIDING.findall(optimizer)))
    hiding = [name for name in hiding if name != "lambda"]
    if not hiding:
        return "A number inside a lambda cannot be an axis; use adaptive_tx.schedules."
    known = [f"{OURS[name]} in place of optax.{name}" for name in hiding if name in OURS]
    named = " and ".join(f"optax.{name}" for name in hiding)
    advice = f"use {' and '.join(known)}" if known else "use transformations of adaptive_tx"
    return f"It is hidden in the closure of {named}, which no program can reach: {advice}."
