"""Oracles: every rule again, as a slow float64 NumPy loop written from its paper.

An oracle takes the gradients of T steps (and the parameters, where the rule reads them) and returns
the T directions u of w <- w - lr * u. Any number may be a schedule, a callable of the 0-based
count. For complex gradients a square is the squared modulus, and the sign is g / |g|. Nothing is
guarded that the formula does not guard, and nothing here imports the library.
"""

import functools
from collections.abc import Callable
from decimal import Decimal, localcontext

import numpy as np

# What every loop shares.


def at(value: float | Callable[[int], float], count) -> float:
    """The float that a number or a schedule stands for at this 0-based count."""
    return float(value(count) if callable(value) else value)


def wide(x):
    """An array in float64, or in complex128 if it is complex."""
    x = np.asarray(x)
    return x.astype(np.complex128 if np.iscomplexobj(x) else np.float64)


def stepwise(grads, *values):
    """For each step: t from 1, the gradient, and each hyperparameter in force."""
    for t, g in enumerate(grads, 1):
        yield t, wide(g), *(at(value, t - 1) for value in values)


class Weights:
    """The sum of the weights of an average from zero: 1 - b^t, or 1 - b_1 b_2 ... b_t of a schedule."""

    def __init__(self):
        self.product = 1.0

    def after(self, b):
        self.product *= b
        return 1 - self.product


def listed(rule):
    """Lets a generator of directions return them as a list."""

    @functools.wraps(rule)
    def oracle(*args, **hyperparameters):
        return list(rule(*args, **hyperparameters))

    return oracle


def sq(g):
    """The squared modulus, real."""
    return (g * np.conj(g)).real


def sign(g):
    """g / |g|, and 0 at 0."""
    return g / np.where(g == 0, 1.0, np.abs(g))


def root(nu, eps, eps_in_root):
    """The root of a second moment, with eps inside it or added to it."""
    return np.sqrt(nu + eps) if eps_in_root else np.sqrt(nu) + eps


def norm(*arrays):
    """The Euclidean norm of all entries together."""
    return np.sqrt(sum(np.sum(sq(g)) for g in arrays))


# Gradient side: clipping and decay.


@listed
def clip_by_value(grads, params=None, *, max_value):
    """Entry by entry: u = sign(g) min(|g|, max_value); a complex entry keeps its phase."""
    steps = stepwise(grads, max_value)
    for _, g, max_value in steps:
        yield sign(g) * np.minimum(np.abs(g), max_value)


@listed
def clip_by_leaf_norm(grads, params=None, *, max_norm):
    """Pascanu et al., arXiv:1211.5063, one array at a time: u = g / max(1, |g| / max_norm)."""
    steps = stepwise(grads, max_norm)
    for _, g, max_norm in steps:
        yield g / np.maximum(1.0, norm(g) / max_norm)


@listed
def clip_by_global_norm(grads, params=None, *, max_norm):
    """Pascanu et al., arXiv:1211.5063; a step is a list of arrays, and |g| the norm of them all."""
    for count, leaves in enumerate(grads):
        gs = [wide(g) for g in leaves]
        scale = np.maximum(1.0, norm(*gs) / at(max_norm, count))
        yield [g / scale for g in gs]


@listed
def clip_by_rms(grads, params=None, *, threshold):
    """Adafactor, arXiv:1804.04235 sec. 6: u = g / max(1, rms(g) / threshold)."""
    steps = stepwise(grads, threshold)
    for _, g, threshold in steps:
        yield g / np.maximum(1.0, np.sqrt(np.mean(sq(g))) / threshold)


@listed
def adaptive_grad_clip(grads, params, *, clipping, eps):
    """NFNets, arXiv:2102.06171 eq. 3: g_i <- g_i / max(1, |g_i| / (clipping max(|w_i|, eps))).

    A unit i is one slice along the last axis, kernels being stored (..., in, out); a scalar or a
    vector is one unit. The same as optax for ndim 0, 1, 2, 4 and 5, but for (1, n), (1, ..., 1, n),
    which optax takes for a vector; and at ndim 3 optax's units are slices along the last two axes.
    """

    def unit_norm(x):
        axes = tuple(range(x.ndim - 1)) if x.ndim > 1 else None
        return np.sqrt(np.sum(sq(x), axis=axes, keepdims=True))

    steps = stepwise(grads, clipping, eps)
    for (_, g, clipping, eps), w in zip(steps, params, strict=True):
        max_norm = clipping * np.maximum(unit_norm(wide(w)), eps)
        yield g / np.maximum(1.0, unit_norm(g) / max_norm)


@listed
def add_l2(grads, params, *, weight_decay):
    """The gradient of a ridge penalty added to the gradient: u = g + weight_decay w."""
    steps = stepwise(grads, weight_decay)
    for (_, g, weight_decay), w in zip(steps, params, strict=True):
        yield g + weight_decay * wide(w)


@listed
def add_l1(grads, params, *, weight_decay):
    """The subgradient of a lasso penalty added to the gradient: u = g + weight_decay sign(w)."""
    steps = stepwise(grads, weight_decay)
    for (_, g, weight_decay), w in zip(steps, params, strict=True):
        yield g + weight_decay * sign(wide(w))


@listed
def add_decayed_weights(grads, params, *, weight_decay):
    """AdamW, arXiv:1711.05101 Alg. 2, on a direction: u + weight_decay w."""
    steps = stepwise(grads, weight_decay)
    for (_, u, weight_decay), w in zip(steps, params, strict=True):
        yield u + weight_decay * wide(w)


@listed
def add_cautious_decayed_weights(grads, params, *, weight_decay):
    """Cautious Weight Decay, arXiv:2510.12402 Alg. 1: u + weight_decay 1[u w >= 0] w."""
    steps = stepwise(grads, weight_decay)
    for (_, u, weight_decay), w in zip(steps, params, strict=True):
        inwards = (u * np.conj(wide(w))).real >= 0
        yield u + weight_decay * np.where(inwards, wide(w), 0)


@listed
def subtract_decayed_weights(grads, params, *, weight_decay):
    """Decay that the learning rate does not scale, on an update: u - weight_decay w."""
    steps = stepwise(grads, weight_decay)
    for (_, u, weight_decay), w in zip(steps, params, strict=True):
        yield u - weight_decay * wide(w)


@listed
def decay_new_weights(grads, params, *, weight_decay):
    """Decay of what the update leads to, as LaProp's code: p' = (1 - weight_decay) (w + u), u' = p' - w."""
    steps = stepwise(grads, weight_decay)
    for (_, u, weight_decay), w in zip(steps, params, strict=True):
        yield (1 - weight_decay) * (wide(w) + u) - wide(w)


@listed
def scale_by_learning_rate(grads, params=None, *, learning_rate):
    """The only sign flip: the update -learning_rate u."""
    steps = stepwise(grads, learning_rate)
    for _, u, learning_rate in steps:
        yield -learning_rate * u


@listed
def scale(grads, params=None, *, step_size):
    """A factor, with its sign: step_size u."""
    steps = stepwise(grads, step_size)
    for _, u, step_size in steps:
        yield step_size * u


@listed
def identity(grads, params=None):
    """What comes in."""
    for _, g in stepwise(grads):
        yield g


@listed
def set_to_zero(grads, params=None):
    """0 for each entry."""
    for _, g in stepwise(grads):
        yield 0 * g


@listed
def reduce_on_plateau(
    grads,
    params=None,
    values=None,
    *,
    factor,
    patience,
    min_delta,
    cooldown,
    window,
    min_scale,
    relative,
    maximize,
):
    """Its docstring, for values that are all 1 unless given; a stretch of checks is kept as a list."""
    scale, best, failed, cooling, seen = 1.0, None, 0, 0, []
    numbers = (factor, patience, min_delta, cooldown, window, min_scale)
    for t, u, factor, patience, min_delta, cooldown, window, min_scale in stepwise(grads, *numbers):
        seen.append(1.0 if values is None else float(values[t - 1]))
        if len(seen) >= window:
            mean, seen = sum(seen) / len(seen), []
            better = improves(mean, best, min_delta, relative, maximize)
            best = mean if better else best
            failed = 0 if better or cooling > 0 else failed + 1
            cooling = max(cooling - 1, 0)
            if failed >= patience:
                scale = min(scale, max(scale * factor, min_scale))
                failed, cooling = 0, int(np.ceil(cooldown))
        yield scale * u


def improves(mean, best, min_delta, relative, maximize):
    """Whether a mean is an improvement on the best; None stands for none yet."""
    if not np.isfinite(mean):
        return False
    if best is None:
        return True
    bar = min_delta * abs(best) if relative else min_delta
    return mean > best + bar if maximize else mean < best - bar


# Momentum and signs.


@listed
def trace(grads, params=None, *, decay):
    """Polyak 1964, heavy ball: tr = g + decay tr; u = tr."""
    tr = 0.0
    steps = stepwise(grads, decay)
    for _, g, decay in steps:
        tr = g + decay * tr
        yield tr


@listed
def trace_nesterov(grads, params=None, *, decay):
    """Sutskever et al. 2013, Nesterov's momentum: tr = g + decay tr; u = g + decay tr."""
    tr = 0.0
    steps = stepwise(grads, decay)
    for _, g, decay in steps:
        tr = g + decay * tr
        yield g + decay * tr


@listed
def ema(grads, params=None, *, b1, debias):
    """Adam's first moment, arXiv:1412.6980: mu = b1 mu + (1 - b1) g; u = mu or mu / (1 - b1^t)."""
    mu = 0.0
    w1 = Weights()
    steps = stepwise(grads, b1)
    for _, g, b1 in steps:
        c1 = w1.after(b1)
        mu = b1 * mu + (1 - b1) * g
        yield mu / c1 if debias else mu


@listed
def scale_by_signum(grads, params=None, *, b1):
    """Signum, arXiv:1802.04434 Alg. 2: u = sign(mu), mu = b1 mu + (1 - b1) g."""
    mu = 0.0
    steps = stepwise(grads, b1)
    for _, g, b1 in steps:
        mu = b1 * mu + (1 - b1) * g
        yield sign(mu)


@listed
def scale_by_lion(grads, params=None, *, b1, b2):
    """Lion, arXiv:2302.06675 Alg. 2: u = sign(b1 mu + (1 - b1) g), then mu = b2 mu + (1 - b2) g."""
    mu = 0.0
    steps = stepwise(grads, b1, b2)
    for _, g, b1, b2 in steps:
        yield sign(b1 * mu + (1 - b1) * g)
        mu = b2 * mu + (1 - b2) * g


# Second moments without a first.


@listed
def scale_by_adagrad(grads, params=None, *, eps, initial_accumulator_value, eps_in_root):
    """Adagrad, Duchi et al., JMLR 12 (2011): s += g^2; u = g / (sqrt(s) + eps)."""
    s = at(initial_accumulator_value, 0)
    steps = stepwise(grads, eps)
    for _, g, eps in steps:
        s = s + sq(g)
        yield g / root(s, eps, eps_in_root)


@listed
def scale_by_rms(grads, params=None, *, b2, eps, initial_accumulator_value, eps_in_root):
    """RMSprop, Hinton's lecture 6e (2012): nu = b2 nu + (1 - b2) g^2; u = g / (sqrt(nu) + eps)."""
    nu = at(initial_accumulator_value, 0)
    steps = stepwise(grads, b2, eps)
    for _, g, b2, eps in steps:
        nu = b2 * nu + (1 - b2) * sq(g)
        yield g / root(nu, eps, eps_in_root)


@listed
def scale_by_rms_debiased(grads, params=None, *, b2, eps):
    """Adam, arXiv:1412.6980 Alg. 1, with b1 = 0: u = g / (sqrt(nu_hat) + eps)."""
    nu, weights = 0.0, Weights()
    steps = stepwise(grads, b2, eps)
    for _, g, b2, eps in steps:
        nu = b2 * nu + (1 - b2) * sq(g)
        yield g / (np.sqrt(nu / weights.after(b2)) + eps)


@listed
def scale_by_centered_rms(grads, params=None, *, b2, eps, initial_accumulator_value, eps_in_root):
    """Graves, arXiv:1308.0850 eq. 38-41: RMSprop with the variance max(nu - |mu|^2, 0) for nu."""
    mu, nu = 0.0, at(initial_accumulator_value, 0)
    steps = stepwise(grads, b2, eps)
    for _, g, b2, eps in steps:
        mu = b2 * mu + (1 - b2) * g
        nu = b2 * nu + (1 - b2) * sq(g)
        yield g / root(np.maximum(nu - sq(mu), 0.0), eps, eps_in_root)


@listed
def scale_by_adadelta(grads, params=None, *, b2, eps):
    """Adadelta, arXiv:1212.5701 Alg. 1 (b2 is its rho): u = g sqrt(e_x + eps) / sqrt(e_g + eps)."""
    e_g = e_x = 0.0
    steps = stepwise(grads, b2, eps)
    for _, g, b2, eps in steps:
        e_g = b2 * e_g + (1 - b2) * sq(g)
        u = g * np.sqrt(e_x + eps) / np.sqrt(e_g + eps)
        e_x = b2 * e_x + (1 - b2) * sq(u)
        yield u


# Adam and its kin.


@listed
def scale_by_adam(grads, params=None, *, b1, b2, eps):
    """Adam, arXiv:1412.6980 Alg. 1: u = mu_hat / (sqrt(nu_hat) + eps)."""
    mu = nu = 0.0
    w1, w2 = Weights(), Weights()
    steps = stepwise(grads, b1, b2, eps)
    for _, g, b1, b2, eps in steps:
        c1, c2 = w1.after(b1), w2.after(b2)
        mu = b1 * mu + (1 - b1) * g
        nu = b2 * nu + (1 - b2) * sq(g)
        yield mu / c1 / (np.sqrt(nu / c2) + eps)


@listed
def scale_by_adam_eps_hat(grads, params=None, *, b1, b2, eps):
    """Adam, arXiv:1412.6980 end of sec. 2: u = sqrt(1-b2^t) / (1-b1^t) mu / (sqrt(nu) + eps)."""
    mu = nu = 0.0
    w1, w2 = Weights(), Weights()
    steps = stepwise(grads, b1, b2, eps)
    for _, g, b1, b2, eps in steps:
        c1, c2 = w1.after(b1), w2.after(b2)
        mu = b1 * mu + (1 - b1) * g
        nu = b2 * nu + (1 - b2) * sq(g)
        yield np.sqrt(c2) / c1 * mu / (np.sqrt(nu) + eps)


@listed
def scale_by_amsgrad(grads, params=None, *, b1, b2, eps):
    """AMSGrad, arXiv:1904.09237 Alg. 2, debiased: u = mu_hat / (sqrt(nu_max / (1-b2^t)) + eps)."""
    mu = nu = nu_max = 0.0
    w1, w2 = Weights(), Weights()
    steps = stepwise(grads, b1, b2, eps)
    for _, g, b1, b2, eps in steps:
        c1, c2 = w1.after(b1), w2.after(b2)
        mu = b1 * mu + (1 - b1) * g
        nu = b2 * nu + (1 - b2) * sq(g)
        nu_max = np.maximum(nu_max, nu)
        yield mu / c1 / (np.sqrt(nu_max / c2) + eps)


@listed
def scale_by_adamax(grads, params=None, *, b1, b2, eps):
    """Adamax, arXiv:1412.6980 Alg. 2, with an eps: nu = max(b2 nu, |g| + eps); u = mu_hat / nu."""
    mu = nu = 0.0
    w1 = Weights()
    steps = stepwise(grads, b1, b2, eps)
    for _, g, b1, b2, eps in steps:
        c1 = w1.after(b1)
        mu = b1 * mu + (1 - b1) * g
        nu = np.maximum(b2 * nu, np.abs(g) + eps)
        yield mu / c1 / nu


@listed
def scale_by_nadam(grads, params=None, *, b1, b2, eps):
    """NAdam, Dozat 2016 with constant b1: Adam, with the next step's momentum for mu_hat:

    u = (b1 mu / (1 - b1^(t+1)) + (1 - b1) g / (1 - b1^t)) / (sqrt(nu_hat) + eps).
    """
    mu = nu = 0.0
    w1, w2 = Weights(), Weights()
    steps = stepwise(grads, b1, b2, eps)
    for _, g, b1, b2, eps in steps:
        c1, c2 = w1.after(b1), w2.after(b2)
        mu = b1 * mu + (1 - b1) * g
        nu = b2 * nu + (1 - b2) * sq(g)
        ahead = b1 * mu / (1 - (1 - c1) * b1) + (1 - b1) * g / c1
        yield ahead / (np.sqrt(nu / c2) + eps)


@listed
def scale_by_nadam_scheduled(grads, params=None, *, b1, b2, eps, momentum_decay):
    """NAdam, Dozat 2016, as torch has it: momentum m_t = b1 (1 - 0.5 * 0.96^(t momentum_decay)),

    u = (m_(t+1) mu / (1 - m_1...m_(t+1)) + (1 - m_t) g / (1 - m_1...m_t)) / (sqrt(nu_hat) + eps).
    """
    mu = nu = 0.0
    product = 1.0
    w2 = Weights()
    steps = stepwise(grads, b1, b2, eps, momentum_decay)
    for t, g, b1, b2, eps, momentum_decay in steps:
        c2 = w2.after(b2)
        now, later = (b1 * (1 - 0.5 * 0.96 ** (s * momentum_decay)) for s in (t, t + 1))
        product *= now
        mu = b1 * mu + (1 - b1) * g
        nu = b2 * nu + (1 - b2) * sq(g)
        ahead = later * mu / (1 - product * later) + (1 - now) * g / (1 - product)
        yield ahead / (np.sqrt(nu / c2) + eps)


def rho(b2, t):
    """RAdam's rho_inf and rho_t, in 50 digits because 1 - b2^t and rho_inf - ... both cancel."""
    with localcontext(prec=50):
        b2 = Decimal(b2)
        rho_inf = 2 / (1 - b2) - 1
        return float(rho_inf), float(rho_inf - 2 * t * b2**t / (1 - b2**t))


@listed
def scale_by_radam(grads, params=None, *, b1, b2, eps, threshold, below):
    """RAdam, arXiv:1908.03265 Alg. 2: u = r mu_hat / (sqrt(nu_hat) + eps) where rho_t > threshold,

    r^2 = (rho_t - 4)(rho_t - 2) rho_inf / ((rho_inf - 4)(rho_inf - 2) rho_t); until then mu_hat if
    below is "momentum", 0 if it is "none". The paper's threshold is 4, torch's 5.
    """
    mu = nu = 0.0
    w1, w2 = Weights(), Weights()
    steps = stepwise(grads, b1, b2, eps, threshold)
    for t, g, b1, b2, eps, threshold in steps:
        c1, c2 = w1.after(b1), w2.after(b2)
        mu = b1 * mu + (1 - b1) * g
        nu = b2 * nu + (1 - b2) * sq(g)
        yield rectified(mu / c1, nu / c2, eps, rho(b2, t), threshold, below)


def rectified(mu_hat, nu_hat, eps, lengths, threshold, below):
    """RAdam's direction from the two means, where rho_t is above the threshold and where it is not."""
    inf, now = lengths
    if now > threshold:
        r = np.sqrt((now - 4) * (now - 2) * inf / ((inf - 4) * (inf - 2) * now))
        return r * mu_hat / (np.sqrt(nu_hat) + eps)
    return {"momentum": mu_hat, "none": np.zeros_like(mu_hat)}[below]


@listed
def scale_by_radam_amsgrad(grads, params=None, *, b1, b2, eps, threshold, below):
    """RAdam, arXiv:1908.03265 Alg. 2, with AMSGrad's nu_max = max(nu_max, nu) where it has nu."""
    mu = nu = nu_max = 0.0
    w1, w2 = Weights(), Weights()
    steps = stepwise(grads, b1, b2, eps, threshold)
    for t, g, b1, b2, eps, threshold in steps:
        c1, c2 = w1.after(b1), w2.after(b2)
        mu = b1 * mu + (1 - b1) * g
        nu = b2 * nu + (1 - b2) * sq(g)
        nu_max = np.maximum(nu_max, nu)
        yield rectified(mu / c1, nu_max / c2, eps, rho(b2, t), threshold, below)


@listed
def scale_by_adabelief(grads, params=None, *, b1, b2, eps):
    """AdaBelief, arXiv:2010.07468 Alg. 2: s = b2 s + (1-b2) |g-mu|^2 + eps; Adam with s for nu."""
    mu = s = 0.0
    w1, w2 = Weights(), Weights()
    steps = stepwise(grads, b1, b2, eps)
    for _, g, b1, b2, eps in steps:
        c1, c2 = w1.after(b1), w2.after(b2)
        mu = b1 * mu + (1 - b1) * g
        s = b2 * s + (1 - b2) * sq(g - mu) + eps
        yield mu / c1 / (np.sqrt(s / c2) + eps)


@listed
def scale_by_adabelief_amsgrad(grads, params=None, *, b1, b2, eps):
    """AdaBelief, arXiv:2010.07468 Alg. 2, divided by the root of the largest s so far, corrected."""
    mu = s = largest = 0.0
    w1, w2 = Weights(), Weights()
    steps = stepwise(grads, b1, b2, eps)
    for _, g, b1, b2, eps in steps:
        c1, c2 = w1.after(b1), w2.after(b2)
        mu = b1 * mu + (1 - b1) * g
        s = b2 * s + (1 - b2) * sq(g - mu) + eps
        largest = np.maximum(largest, s)
        yield mu / c1 / (np.sqrt(largest / c2) + eps)


@listed
def scale_by_adabelief_rectified(grads, params=None, *, b1, b2, eps, threshold, below):
    """AdaBelief, arXiv:2010.07468 Alg. 2, rectified as its authors' code has it: RAdam with s for nu."""
    mu = s = 0.0
    w1, w2 = Weights(), Weights()
    steps = stepwise(grads, b1, b2, eps, threshold)
    for t, g, b1, b2, eps, threshold in steps:
        c1, c2 = w1.after(b1), w2.after(b2)
        mu = b1 * mu + (1 - b1) * g
        s = b2 * s + (1 - b2) * sq(g - mu) + eps
        yield rectified(mu / c1, s / c2, eps, rho(b2, t), threshold, below)


@listed
def scale_by_yogi(grads, params=None, *, b1, b2, eps, initial_accumulator_value):
    """Yogi, Zaheer et al., NeurIPS 2018 Alg. 2, but debiased: nu -= (1-b2) sign(nu - g^2) g^2."""
    mu, nu = 0.0, at(initial_accumulator_value, 0)
    w1, w2 = Weights(), Weights()
    steps = stepwise(grads, b1, b2, eps)
    for _, g, b1, b2, eps in steps:
        c1, c2 = w1.after(b1), w2.after(b2)
        mu = b1 * mu + (1 - b1) * g
        nu = nu - (1 - b2) * np.sign(nu - sq(g)) * sq(g)
        yield mu / c1 / (np.sqrt(nu / c2) + eps)


@listed
def scale_by_laprop(grads, params=None, *, b1, b2, eps):
    """LaProp, arXiv:2002.04839 Alg. 1: mu = b1 mu + (1 - b1) g / (sqrt(nu_hat) + eps); u = mu_hat."""
    mu = nu = 0.0
    w1, w2 = Weights(), Weights()
    steps = stepwise(grads, b1, b2, eps)
    for _, g, b1, b2, eps in steps:
        c1, c2 = w1.after(b1), w2.after(b2)
        nu = b2 * nu + (1 - b2) * sq(g)
        mu = b1 * mu + (1 - b1) * g / (np.sqrt(nu / c2) + eps)
        yield mu / c1


@listed
def scale_by_adan(grads, params=None, *, b1, b2, b3, eps):
    """Adan, arXiv:2208.06677 Alg. 1, b for its 1 - b, debiased as the authors' code: d = g - g_prev,

    n = b3 n + (1 - b3) (g + b2 d)^2; u = (m_hat + b2 v_hat) / (sqrt(n_hat) + eps), v the mean of d.
    """
    m = v = n = 0.0
    w1, w2, w3 = Weights(), Weights(), Weights()
    before = wide(grads[0])
    steps = stepwise(grads, b1, b2, b3, eps)
    for _, g, b1, b2, b3, eps in steps:
        c1, c2, c3 = w1.after(b1), w2.after(b2), w3.after(b3)
        d, before = g - before, g
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * d
        n = b3 * n + (1 - b3) * sq(g + b2 * d)
        yield (m / c1 + b2 * v / c2) / (np.sqrt(n / c3) + eps)


@listed
def scale_by_ademamix(grads, params=None, *, b1, b2, b3, alpha, eps):
    """AdEMAMix, arXiv:2409.03137 Alg. 1: u = (m1_hat + alpha m2) / (sqrt(nu_hat) + eps), m2 as it is."""
    m1 = m2 = nu = 0.0
    w1, w2 = Weights(), Weights()
    steps = stepwise(grads, b1, b2, b3, alpha, eps)
    for _, g, b1, b2, b3, alpha, eps in steps:
        c1, c2 = w1.after(b1), w2.after(b2)
        m1 = b1 * m1 + (1 - b1) * g
        m2 = b3 * m2 + (1 - b3) * g
        nu = b2 * nu + (1 - b2) * sq(g)
        yield (m1 / c1 + alpha * m2) / (np.sqrt(nu / c2) + eps)


@listed
def scale_by_mars(grads, params=None, *, b1, b2, gamma, max_norm, eps):
    """MARS-AdamW, arXiv:2411.10438 Alg. 2, approximate: c = g + gamma b1 / (1 - b1) (g - g_before),

    c / |c| if |c| > 1 (here max_norm), then Adam on c; g_before is 0 at first, as in the authors' code.
    """
    mu = nu = before = 0.0
    w1, w2 = Weights(), Weights()
    steps = stepwise(grads, b1, b2, gamma, max_norm, eps)
    for _, g, b1, b2, gamma, max_norm, eps in steps:
        c1, c2 = w1.after(b1), w2.after(b2)
        c, before = g + gamma * b1 / (1 - b1) * (g - before), g
        c = c / max(1.0, norm(c) / max_norm)
        mu = b1 * mu + (1 - b1) * c
        nu = b2 * nu + (1 - b2) * sq(c)
        yield mu / c1 / (np.sqrt(nu / c2) + eps)


@listed
def scale_by_stable_adam(grads, params, *, b1, b2, eps, weight_decay):
    """StableAdamW, arXiv:2304.13013 Alg. 2, b1 and b2 debiased: v = b2_hat v + (1 - b2_hat) g^2,

    RMS = sqrt(mean(g^2 / max(v, eps^2))), (u / (sqrt(v) + eps) + weight_decay p) / max(1, RMS).
    """
    u = v = 0.0
    w1, w2 = Weights(), Weights()
    steps = stepwise(grads, b1, b2, eps, weight_decay)
    for (_, g, b1, b2, eps, weight_decay), p in zip(steps, params):
        b1_hat, b2_hat = 1 - (1 - b1) / w1.after(b1), 1 - (1 - b2) / w2.after(b2)
        u = b1_hat * u + (1 - b1_hat) * g
        v = b2_hat * v + (1 - b2_hat) * sq(g)
        rms = np.sqrt(np.mean(sq(g) / np.maximum(v, eps**2)))
        yield (u / (np.sqrt(v) + eps) + weight_decay * wide(p)) / max(1.0, rms)


@listed
def scale_by_adam_atan2(grads, params=None, *, b1, b2, a, b):
    """Adam-atan2, arXiv:2407.05872: u = a atan2(mu_hat, b sqrt(nu_hat)), odd in mu."""
    mu = nu = 0.0
    w1, w2 = Weights(), Weights()
    steps = stepwise(grads, b1, b2, a, b)
    for _, g, b1, b2, a, b in steps:
        c1, c2 = w1.after(b1), w2.after(b2)
        mu = b1 * mu + (1 - b1) * g
        nu = b2 * nu + (1 - b2) * sq(g)
        yield a * sign(mu) * np.arctan2(np.abs(mu) / c1, b * np.sqrt(nu / c2))


@listed
def scale_by_algoperf_nadam(grads, params=None, *, b1, b2, eps):
    """NAdam, Choi et al., arXiv:1910.05446 table 1, corrected as Adam: (b1 mu + (1 - b1) g) / c1."""
    mu = nu = 0.0
    w1, w2 = Weights(), Weights()
    steps = stepwise(grads, b1, b2, eps)
    for _, g, b1, b2, eps in steps:
        c1, c2 = w1.after(b1), w2.after(b2)
        mu = b1 * mu + (1 - b1) * g
        nu = b2 * nu + (1 - b2) * sq(g)
        yield (b1 * mu + (1 - b1) * g) / c1 / (np.sqrt(nu / c2) + eps)


@listed
def scale_by_adopt(grads, params=None, *, b1, b2, eps):
    """ADOPT, arXiv:2411.02853 Alg. 2: u = mu = b1 mu + (1 - b1) clip(g / max(sqrt(nu), eps), s^(1/4)),

    then nu = b2 nu + (1 - b2) g^2, for s = t - 1 >= 1; at s = 0 there is no step, and nu = g^2.
    """
    mu = 0.0
    nu = None
    steps = stepwise(grads, b1, b2, eps)
    for t, g, b1, b2, eps in steps:
        if nu is None:
            nu = sq(g)
            yield np.zeros_like(g)
            continue
        q = g / np.maximum(np.sqrt(nu), eps)
        mu = b1 * mu + (1 - b1) * sign(q) * np.minimum(np.abs(q), (t - 1) ** 0.25)
        nu = b2 * nu + (1 - b2) * sq(g)
        yield mu


@listed
def scale_by_novograd(grads, params, *, b1, b2, eps, weight_decay):
    """NovoGrad, arXiv:1905.11286 Alg. 1: nu of the leaf's norm, nu = |g|^2 at t = 1; mu is a sum."""
    mu = nu = 0.0
    steps = stepwise(grads, b1, b2, eps, weight_decay)
    for (t, g, b1, b2, eps, weight_decay), p in zip(steps, params):
        square = np.sum(sq(g))
        nu = square if t == 1 else b2 * nu + (1 - b2) * square
        mu = b1 * mu + (g / (np.sqrt(nu) + eps) + weight_decay * wide(p))
        yield mu


@listed
def scale_by_prodigy(
    grads, params, *, learning_rate, b1, b2, eps, d0, d_coef, growth_rate, weight_decay,
    use_bias_correction, safeguard_warmup, b3=None,
):  # fmt: skip
    """Prodigy, arXiv:2306.06101 Alg. 4, as its authors' code; a step is a list of arrays, as params are.

    These are the updates: p <- p + u. No step where all gradients so far are zero.
    """
    d = d_max = at(d0, 0)
    num, mu, nu, s = 0.0, [0.0] * len(params[0]), [0.0] * len(params[0]), [0.0] * len(params[0])
    p0 = [wide(p) for p in params[0]]
    w1, w2 = Weights(), Weights()
    numbers = learning_rate, b1, b2, eps, d0, d_coef, growth_rate, weight_decay
    for count, (leaves, ps) in enumerate(zip(grads, params)):
        gs, ps = [wide(g) for g in leaves], [wide(p) for p in ps]
        lr, b1t, b2t, eps_t, d0t, coef, growth, decay = (at(x, count) for x in numbers)
        b3t = np.sqrt(b2t) if b3 is None else at(b3, count)
        c1, c2 = w1.after(b1t), w2.after(b2t)
        rate = d * lr * (np.sqrt(c2) / c1 if use_bias_correction else 1.0)
        gained = sum(np.sum((np.conj(g) * (z - p)).real) for g, z, p in zip(gs, p0, ps))
        num = b3t * num + d / d0t * rate * gained
        s = [b3t * x + d / d0t * (d if safeguard_warmup else rate) * g for x, g in zip(s, gs)]
        mu = [b1t * m + (1 - b1t) * d * g for m, g in zip(mu, gs)]
        nu = [b2t * v + (1 - b2t) * d**2 * sq(g) for v, g in zip(nu, gs)]
        size = sum(np.sum(np.abs(x)) for x in s)
        if size == 0:
            yield [np.zeros_like(p) for p in ps]
            continue
        found = coef * num / size
        if d == d0t:
            d = max(d, found)
        d_max = max(d_max, found)
        d = min(d_max, d * growth)
        yield [-rate * (m / (np.sqrt(v) + d * eps_t) + decay * p) for m, v, p in zip(mu, nu, ps)]


# Step sizes of their own, factors, and lengths.


@listed
def scale_by_rprop(grads, params=None, *, learning_rate, eta_minus, eta_plus, min_step, max_step):
    """iRprop-, Igel and Huesken 2000, Alg. 4; an entry of a complex number is a part of it."""
    numbers = eta_minus, eta_plus, min_step, max_step
    start = at(learning_rate, 0)
    first = wide(grads[0])
    sizes = {part: np.full(first.shape, start) for part in ("real", "imag")}
    before = {part: np.zeros(first.shape) for part in ("real", "imag")}
    steps = stepwise(grads, *numbers)
    for _, g, eta_minus, eta_plus, min_step, max_step in steps:
        moves = {}
        for part in ("real", "imag"):
            here = getattr(g, part).copy()
            kept = np.sign(here) * np.sign(before[part])
            factor = np.where(kept > 0, eta_plus, np.where(kept < 0, eta_minus, 1.0))
            sizes[part] = np.clip(sizes[part] * factor, min_step, max_step)
            here = np.where(kept < 0, 0.0, here)
            moves[part], before[part] = -np.sign(here) * sizes[part], here
        yield moves["real"] + 1j * moves["imag"] if np.iscomplexobj(g) else moves["real"]


@listed
def scale_by_factored_rms(grads, params=None, *, b2_decay, eps):
    """Adafactor, arXiv:1804.04235 Alg. 4: row and column sums, V = R C / sum(R); else Alg. 5."""
    rows = columns = v = 0.0
    steps = stepwise(grads, b2_decay, eps)
    for t, g, b2_decay, eps in steps:
        b2, square = 1 - t**b2_decay, sq(g) + eps
        if g.ndim < 2:
            v = b2 * v + (1 - b2) * square
        else:
            rows = b2 * rows + (1 - b2) * square.sum(-1, keepdims=True)
            columns = b2 * columns + (1 - b2) * square.sum(-2, keepdims=True)
            v = rows * columns / rows.sum(-2, keepdims=True)
        yield g / np.sqrt(v)


@listed
def scale_by_factored_rms_big_vision(
    grads, params=None, *, b2_decay, b2_cap, eps, min_dim_size_to_factor
):
    """big_vision, arXiv:2106.04560: b2 = min(b2_cap, 1 - t^b2_decay), the two longest axes factored."""
    rows = columns = v = 0.0
    steps = stepwise(grads, b2_decay, b2_cap, eps)
    for t, g, b2_decay, b2_cap, eps in steps:
        b2, square = min(b2_cap, 1 - t**b2_decay), sq(g) + eps
        axes = np.argsort(g.shape, kind="stable")[-2:]
        if g.ndim < 2 or g.shape[axes[0]] < min_dim_size_to_factor:
            v = b2 * v + (1 - b2) * square
        else:
            rows = b2 * rows + (1 - b2) * square.sum(axes[1], keepdims=True)
            columns = b2 * columns + (1 - b2) * square.sum(axes[0], keepdims=True)
            v = rows * columns / rows.sum(axes[0], keepdims=True)
        yield g / np.sqrt(v)


@listed
def scale_by_param_rms(grads, params, *, min_scale):
    """Adafactor, arXiv:1804.04235 sec. 8: u = max(min_scale, rms(w)) g."""
    numbers = stepwise(grads, min_scale)
    for (_, g, min_scale), w in zip(numbers, params):
        yield max(min_scale, np.sqrt(np.mean(sq(wide(w))))) * g


@listed
def scale_by_relative_rate(grads, params=None, *, learning_rate):
    """Adafactor, arXiv:1804.04235 Alg. 4: the update -min(learning_rate, 1 / sqrt(t)) u."""
    steps = stepwise(grads, learning_rate)
    for t, g, learning_rate in steps:
        yield -min(learning_rate, 1 / np.sqrt(t)) * g


@listed
def scale_by_ftrl(grads, params, *, learning_rate, l1, l2, beta):
    """FTRL-Proximal, McMahan et al., KDD 2013, Alg. 1; the update is the new w minus the old."""
    z = n = 0.0
    numbers = stepwise(grads, learning_rate, l1, l2, beta)
    for (_, g, alpha, l1, l2, beta), w in zip(numbers, params):
        w = wide(w)
        sigma = (np.sqrt(n + sq(g)) - np.sqrt(n)) / alpha
        z, n = z + g - sigma * w, n + sq(g)
        new = -(z - sign(z) * l1) / ((beta + np.sqrt(n)) / alpha + l2)
        yield np.where(np.abs(z) <= l1, 0.0, new) - w


@listed
def scale_by_trust_ratio(grads, params, *, min_norm):
    """LAMB, arXiv:1904.00962 Alg. 2: u = phi(|w|) / |r| r for a direction r, phi a lower bound."""
    numbers = stepwise(grads, min_norm)
    for (_, r, min_norm), w in zip(numbers, params):
        yield max(norm(wide(w)), min_norm) / norm(r) * r


@listed
def scale_by_lars(grads, params, *, trust_coefficient, weight_decay):
    """LARS, arXiv:1708.03888 eq. 6 and Alg. 1: u = eta |w| / (|g| + beta |w|) (g + beta w)."""
    numbers = stepwise(grads, trust_coefficient, weight_decay)
    for (_, g, eta, beta), w in zip(numbers, params):
        w = wide(w)
        yield eta * norm(w) / (norm(g) + beta * norm(w)) * (g + beta * w)


def on_matrices(rule):
    """An oracle of matrices as one of any leaf: what is no matrix stays where it is."""

    @functools.wraps(rule)
    def oracle(grads, params=None, **arguments):
        if np.ndim(grads[0]) != 2:
            return [0 * wide(g) for g in grads]
        return list(rule(grads, params, **arguments))

    return oracle


FACTORS = {
    "none": lambda r, c: 1.0,
    "original": lambda r, c: max(1.0, c / r) ** 0.5,
    "match_rms_adamw": lambda r, c: 0.2 * max(r, c) ** 0.5,
    "spectral": lambda r, c: (c / r) ** 0.5,
}


def polar(g, coefficients, slack, eps):
    """With g = U S V^T, the polynomials of each singular value: U p(S) V^T."""
    u, s, v = np.linalg.svd(g, full_matrices=False)
    s = s / (slack * norm(g) + eps)
    for a, b, c in coefficients:
        s = a * s + b * s**3 + c * s**5
    return (u * s) @ v


@on_matrices
def orthogonalize(grads, params=None, *, eps, slack, coefficients, factor):
    """Muon, Jordan 2024; rows are inputs, so Jordan's out / in is columns / rows."""
    for _, g, eps_, slack_ in stepwise(grads, eps, slack):
        yield FACTORS[factor](*g.shape) * polar(g, coefficients, slack_, eps_)


@on_matrices
def scale_by_normuon(grads, params=None, *, b2, eps_rms, factor):
    """NorMuon, arXiv:2510.05491 Alg. 1, of weights (in, out): one mean square an output."""
    nu = 0.0
    for _, x, b2_, eps_ in stepwise(grads, b2, eps_rms):
        nu = b2_ * nu + (1 - b2_) * np.mean(sq(x), axis=0)
        y = x / (np.sqrt(nu) + eps_)
        yield FACTORS[factor](*x.shape) * y * norm(x) / (norm(y) + eps_)


def scale_by_lmo(grads, params=None, *, norm, radius, eps, coefficients=()):
    """Scion, arXiv:2502.07529 table 2 and its code, of weights (in, out); "rms" is of any leaf."""
    if norm == "rms":
        numbers = stepwise(grads, radius, eps)
        return [r * g / (np.sqrt(np.mean(sq(g))) + e) for _, g, r, e in numbers]
    rule = on_matrices(functools.partial(lmo_of_matrix, norm=norm, coefficients=coefficients))
    return rule(grads, radius=radius, eps=eps)


def lmo_of_matrix(grads, params, *, norm, radius, eps, coefficients):
    for _, g, r, e in stepwise(grads, radius, eps):
        rows, columns = g.shape
        if norm == "spectral":
            yield r * np.sqrt(columns / rows) * polar(g, coefficients, 1.0, e)
        elif norm == "sign":
            yield r * sign(g) / rows
        elif norm == "inputs":
            yield r * g / (np.sqrt(np.mean(sq(g), axis=1, keepdims=True)) + e)
        else:
            yield r * g / (np.sqrt(rows) * np.sqrt(np.sum(sq(g), axis=0)) + e)


@on_matrices
def scale_by_soap(grads, params=None, *, b1, b2, b3, eps, every, max_size=10_000):
    """SOAP, arXiv:2409.11321 Alg. 3 and the authors' code, in float64; with their order of operations."""
    mu = nu = 0.0
    w1, w2 = Weights(), Weights()
    moments, bases = [0.0, 0.0], [None, None]
    for t, g, b1_, b2_, b3_, eps_, every_ in stepwise(grads, b1, b2, b3, eps, every):
        sides = [i for i in (0, 1) if g.shape[i] <= max_size]
        u = np.zeros_like(g)
        if t > 1:
            turned = projected(g, bases)
            mu = b1_ * mu + (1 - b1_) * turned
            nu = b2_ * nu + (1 - b2_) * sq(turned)
            size = np.sqrt(w2.after(b2_)) / w1.after(b1_)
            u = size * projected_back(mu / (np.sqrt(nu) + eps_), bases)
            mu = projected_back(mu, bases)
        for i in sides:
            gram = g @ g.conj().T if i == 0 else g.conj().T @ g
            moments[i] = b3_ * moments[i] + (1 - b3_) * gram
            if t == 1:
                bases[i] = np.linalg.eigh(moments[i])[1][:, ::-1]
        if t > 1 and (t - 1) % np.floor(every_) == 0:
            for i in sides:
                values = np.diag(bases[i].conj().T @ moments[i] @ bases[i]).real
                order = np.argsort(-values, kind="stable")
                nu = np.take(nu, order, axis=i)
                bases[i] = np.linalg.qr(moments[i] @ bases[i][:, order])[0]
        if t > 1:
            mu = projected(mu, bases)
        yield u


@on_matrices
def scale_by_shampoo(grads, params=None, *, b1, b2, b3, eps, damping, every):
    """Shampoo, arXiv:1802.09568 Alg. 1, as Meta's code: averages, debiased, and Adam's length."""
    mu = nu = left = right = 0.0
    w1, w2, w3 = Weights(), Weights(), Weights()
    roots = None
    numbers = stepwise(grads, b1, b2, b3, eps, damping, every)
    for t, g, b1_, b2_, b3_, eps_, damping_, every_ in numbers:
        mu = b1_ * mu + (1 - b1_) * g
        nu = b2_ * nu + (1 - b2_) * sq(g)
        left = b3_ * left + (1 - b3_) * g @ g.conj().T
        right = b3_ * right + (1 - b3_) * g.conj().T @ g
        c1, c2, c3 = w1.after(b1_), w2.after(b2_), w3.after(b3_)
        adam = mu / c1 / (np.sqrt(nu / c2) + eps_)
        if t % np.floor(every_) == 0:
            roots = [inverse_root(m / c3, damping_) for m in (left, right)]
        if roots is None:
            yield adam
            continue
        u = roots[0] @ (mu / c1) @ roots[1]
        yield u * norm(adam) / (norm(u) + 1e-16)


def inverse_root(m, damping):
    values, vectors = np.linalg.eigh(m + damping * np.eye(len(m)))
    if values[0] < damping:
        values = values - values[0] + damping
    return vectors * values**-0.25 @ vectors.conj().T


def projected(g, bases):
    left, right = bases
    g = g if left is None else left.conj().T @ g
    return g if right is None else g @ right


def projected_back(g, bases):
    left, right = bases
    g = g if left is None else left @ g
    return g if right is None else g @ right.conj().T


@listed
def ema_nesterov(grads, params=None, *, b1):
    """Muon's momentum, Jordan 2024: mu <- b1 mu + (1 - b1) g, and once more."""
    mu = 0.0
    for _, g, b1_ in stepwise(grads, b1):
        mu = b1_ * mu + (1 - b1_) * g
        yield b1_ * mu + (1 - b1_) * g


# Sequences of weights: the updates lead to where the next gradient is taken.


def schedule_free(directions, params, learning_rate, momentum, r, power):
    """Schedule-Free, arXiv:2405.15682 Alg. 1: z steps, x is its mean weighted by t^r max(rates)^power."""
    total = largest = 0.0
    z = x = wide(params[0])
    steps = stepwise(directions, learning_rate, momentum, r, power)
    for t, u, learning_rate, momentum, r, power in steps:
        largest = max(largest, learning_rate)
        weight = t**r * largest**power
        total += weight
        z = z - learning_rate * u
        x = x + weight / total * (z - x)
        yield momentum * x + (1 - momentum) * z - wide(params[t - 1])


@listed
def schedule_free_adamw(grads, params, *, b2, eps, weight_decay, **numbers):
    """The same with AdamW's direction; the decay is of y, the parameters."""
    directions = add_decayed_weights(
        scale_by_rms_debiased(grads, b2=b2, eps=eps), params, weight_decay=weight_decay
    )
    yield from schedule_free(directions, params, **numbers)


@listed
def schedule_free_momentum(grads, params, *, decay, **numbers):
    """The same with heavy ball's direction."""
    yield from schedule_free(trace(grads, decay=decay), params, **numbers)


@listed
def primal_averaged_adam(grads, params, *, learning_rate, decay, momentum, **numbers):
    """GPA, arXiv:2512.17131 Alg. 1: z steps, x averages it, gradients are taken between."""
    z = x = wide(params[0])
    steps = stepwise(scale_by_adam(grads, **numbers), learning_rate, decay, momentum)
    for t, u, learning_rate, decay, momentum in steps:
        z = z - learning_rate * u
        x = decay * x + (1 - decay) * z
        yield momentum * x + (1 - momentum) * z - wide(params[t - 1])


@listed
def lookahead_adam(grads, params, *, learning_rate, every, pull, **numbers):
    """Lookahead, arXiv:1907.08610 Alg. 1, around Adam; the updates of a given sequence of weights."""
    slow, ahead = wide(params[0]), 0
    steps = stepwise(scale_by_adam(grads, **numbers), learning_rate, every, pull)
    for t, u, learning_rate, every, pull in steps:
        w, ahead = wide(params[t - 1]), ahead + 1
        if ahead < every:
            yield -learning_rate * u
            continue
        slow, ahead = slow + pull * (w - learning_rate * u - slow), 0
        yield slow - w


# Around a direction.


@listed
def cautious_adam(grads, params=None, **numbers):
    """C-Adam, arXiv:2411.16085 Alg. 1: u m / max(mean(m), 1e-3) with m = 1[u g > 0]."""
    for g, u in zip(grads, scale_by_adam(grads, **numbers), strict=True):
        m = (u * np.conj(wide(g))).real > 0
        yield u * m / max(np.mean(m), 1e-3)


@listed
def hyperball_adam(grads, params, *, learning_rate, **numbers):
    """Hyperball, arXiv:2606.16899: w - lr |w| u / |u|, brought back to the norm of w."""
    steps = stepwise(scale_by_adam(grads, **numbers), learning_rate)
    for t, u, learning_rate in steps:
        w = wide(params[t - 1])
        moved = w - learning_rate * norm(w) * u / norm(u)
        yield moved * norm(w) / norm(moved) - w


# Schedules: each returns a plain function of the 0-based count.


def constant(value):
    """The value, always."""
    return lambda count: value


def step_decay(value, every, factor):
    """value * factor^floor(count / every)."""
    return lambda count: value * factor ** (count // every)


def multi_step(value, boundaries, factor):
    """value * factor^(how many boundaries the count has reached)."""
    return lambda count: value * factor ** sum(count >= boundary for boundary in boundaries)


def exponential(value, steps, factor, staircase):
    """value * factor^(count / steps), the exponent rounded down on a staircase."""
    return lambda count: value * factor ** (count // steps if staircase else count / steps)


def polynomial(start, end, steps, power):
    """end + (start - end) (1 - count / steps)^power, then end."""
    return lambda count: end + (start - end) * (1 - min(count, steps) / steps) ** power


def linear(start, end, steps):
    """From start to end along a line, then end."""
    return polynomial(start, end, steps, power=1)


def cosine(peak, steps, floor):
    """SGDR, arXiv:1608.03983 eq. 5, one half wave from peak to floor, then floor."""
    return lambda count: _half_wave(peak, floor, min(count, steps) / steps)


def cosine_restarts(peak, period, growth, floor):
    """SGDR, arXiv:1608.03983: half waves from peak to floor, each growth times as long."""

    def schedule(count):
        length = period
        while count >= length:
            count, length = count - length, length * growth
        return _half_wave(peak, floor, count / length)

    return schedule


def inverse_sqrt(value):
    """Adam, arXiv:1412.6980 sec. 4: value / sqrt(t), with t = count + 1."""
    return lambda count: value / np.sqrt(count + 1)


def half_life(start, end, steps):
    """AdEMAMix, arXiv:2409.03137: b whose half-life log(1/2) / log(b) goes along a line."""

    def of(b):
        return np.log(0.5) / np.log(b) if b else 0.0

    def schedule(count):
        done = min(count / steps, 1)
        half = (1 - done) * of(start) + done * of(end)
        return 0.5 ** (1 / half) if half else 0.0

    return schedule


def constant_then_exponential(value, steps, k):
    """value up to a count of steps, then value * exp(-k (count - steps))."""
    return lambda count: value * np.exp(-k * max(count - steps, 0))


def wsd(peak, warmup, stable, decay, floor):
    """MiniCPM, arXiv:2404.06395: a line from 0 to peak, peak, a line down to floor, then floor."""

    def schedule(count):
        if count < warmup:
            return peak * count / warmup
        if count < warmup + stable:
            return peak
        if count < warmup + stable + decay:
            return peak + (floor - peak) * (count - warmup - stable) / decay
        return floor

    return schedule


def corrected(value, rate, peak):
    """AdamC, arXiv:2506.02285: the decay in proportion to the rate."""
    return lambda count: value * rate(count) / peak


def with_warmup(schedule, steps, start=0.0):
    """A line from start schedule(0) to schedule(0), then the schedule from its start."""

    def line(count):
        return schedule(0) * (start + (1 - start) * count / steps)

    return lambda count: line(count) if count < steps else schedule(count - steps)


def one_cycle(peak, steps, warm, div, final_div):
    """Smith, arXiv:1708.07120, as torch's OneCycleLR: half waves up from peak / div and down.

    The peak is at count warm * steps - 1, the end, peak / (div final_div), at steps - 1.
    """
    top, last = warm * steps - 1, steps - 1

    def schedule(count):
        if count < top:
            return _half_wave(peak / div, peak, count / top)
        return _half_wave(peak, peak / div / final_div, (min(count, last) - top) / (last - top))

    return schedule


def cyclic(low, high, half_period):
    """Smith, arXiv:1506.01186, triangular: low -> high -> low, half_period counts each way."""
    return lambda count: high - (high - low) * abs(count / half_period % 2 - 1)


def _half_wave(start, end, fraction):
    """From start to end along half a cosine."""
    return end + (start - end) * (1 + np.cos(np.pi * fraction)) / 2
