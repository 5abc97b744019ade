"""Writing and reading the golden files (NumPy only): lossless, and small.

Neighbouring steps of a trajectory share their leading bits, and a float32 run stays within a few
units in the last place of its float64 run. So float64 values are stored as differences along the
steps of their bit patterns, and float32 values as differences of their bit patterns from the
rounded float64 ones; the bytes are then laid out plane by plane, which lets deflate remove the
leading zeros. `load` undoes all of this, exactly.
"""

import json
from dataclasses import dataclass, field

import numpy as np
from problems import FLOAT32_STEPS, PROBLEMS

MAX_ORDER = 5  # of the differences along the steps
ROWS = [step - 1 for step in FLOAT32_STEPS]


@dataclass
class Setting:
    """One setting of one optimizer: how it was made, and what came out.

    `meta` holds "name", "kwargs", "schedule" ([name, arguments] or None), "resume", and
    "rates" ({"f64": [...], "f32": [...]}, the rate used at each step) where there is a schedule.
    `trajectory[problem, "f64"]` has shape (STEPS, N), `trajectory[problem, "f32"]` has shape
    (len(FLOAT32_STEPS), N): the parameters after each step, all leaves flattened and joined.
    `state` is the optimizer's state after RESUME_STEP steps of problem "a" in float64: a list of
    (key, array), where the key is (leaf, name) for torch and a path for Keras; `groups` is what
    torch keeps in param_groups.
    """

    meta: dict
    trajectory: dict = field(default_factory=dict)
    state: list | None = None
    groups: dict | None = None


def split(vector, shapes):
    """Cut one row of a trajectory into leaves of the given shapes."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    parts = np.split(vector, ends[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def _to_planes(integers):
    """Signed integers to bytes: small ones of either sign first, most of their planes zero."""
    bits = 8 * integers.itemsize - 1
    folded = (integers << 1) ^ (integers >> bits)
    return np.moveaxis(folded[..., None].view(np.uint8), -1, 0)


def _from_planes(planes, dtype):
    """The inverse of `_to_planes`."""
    folded = np.ascontiguousarray(np.moveaxis(planes, 0, -1)).view(f"u{np.dtype(dtype).itemsize}")
    folded = folded[..., 0]
    return ((folded >> 1) ^ (0 - (folded & 1))).view(dtype)


def _difference(patterns, order):
    """Differences of the given order along the first axis; the leading rows keep lower orders."""
    patterns = patterns.copy()
    for i in range(order):
        patterns[i + 1 :] = np.diff(patterns[i:], axis=0)
    return patterns


def _undo_difference(differences, order):
    """The inverse of `_difference`."""
    patterns = differences.copy()
    for i in reversed(range(order)):
        patterns[i:] = np.cumsum(patterns[i:], axis=0)
    return patterns


def _cost(differences):
    """About the number of bits that the integers of each column take."""
    return np.sum(np.log2(1.0 + np.abs(differences.astype(np.float64))), axis=0)


def _pack_float64(values):
    """Byte planes of one trajectory, and the order of differences that suits each column best."""
    patterns = np.ascontiguousarray(values).view(np.int64)
    choices = [_difference(patterns, order) for order in range(MAX_ORDER + 1)]
    orders = np.argmin([_cost(choice) for choice in choices], axis=0)
    return _to_planes(np.choose(orders, choices).T), orders.astype(np.uint8)


def _unpack_float64(planes, orders):
    """The inverse of `_pack_float64`."""
    differences = _from_planes(planes, np.int64).T
    choices = [_undo_difference(differences, order) for order in range(MAX_ORDER + 1)]
    return np.choose(orders, choices).view(np.float64)


def _pack_float32(values, reference):
    """Byte planes of the distance, in units in the last place, from the rounded reference."""
    rounded = reference[ROWS].astype(np.float32).view(np.int32)
    return _to_planes((np.ascontiguousarray(values).view(np.int32) - rounded).T)


def _unpack_float32(planes, reference):
    """The inverse of `_pack_float32`."""
    rounded = reference[ROWS].astype(np.float32).view(np.int32)
    return (rounded + _from_planes(planes, np.int32).T).view(np.float32)


def _describe(setting):
    """The JSON part of one setting: its meta data and the layout of its state."""
    if setting.state is None:
        return setting.meta
    layout = [[key, list(array.shape)] for key, array in setting.state]
    return setting.meta | {"state": layout, "groups": setting.groups}


def save(path, settings):
    """Write one optimizer's settings to `path`."""
    runs = [(s.trajectory[p, "f64"], s.trajectory[p, "f32"]) for s in settings for p in PROBLEMS]
    packed = [_pack_float64(double) for double, _ in runs]
    states = [np.ravel(a) for s in settings for _, a in s.state or ()]
    np.savez_compressed(
        path,
        settings=np.array(json.dumps([_describe(s) for s in settings])),
        orders=np.stack([orders for _, orders in packed]),
        f64=np.stack([planes for planes, _ in packed], axis=1),
        f32=np.stack([_pack_float32(single, double) for double, single in runs], axis=1),
        state=np.concatenate([np.zeros(0), *states]).astype(np.float64),
    )


def _read_trajectories(file, index):
    """The trajectories of the setting at `index`."""
    trajectory = {}
    for i, problem in enumerate(PROBLEMS, start=len(PROBLEMS) * index):
        double = _unpack_float64(file["f64"][:, i], file["orders"][i])
        trajectory[problem, "f64"] = double
        trajectory[problem, "f32"] = _unpack_float32(file["f32"][:, i], double)
    return trajectory


def _read_state(layout, vector):
    """Take the arrays of `layout` off the front of `vector`; also what is left of it."""
    state = []
    for key, shape in layout:
        size = int(np.prod(shape))
        state.append((tuple(key) if isinstance(key, list) else key, vector[:size].reshape(shape)))
        vector = vector[size:]
    return state, vector


def load(path):
    """Read one optimizer's settings: {name: Setting}."""
    with np.load(path) as archive:
        file = {key: archive[key] for key in archive.files}
    vector, settings = file["state"], {}
    for index, meta in enumerate(json.loads(str(file["settings"]))):
        layout, groups = meta.pop("state", None), meta.pop("groups", None)
        setting = Setting(meta, _read_trajectories(file, index), groups=groups)
        if layout is not None:
            setting.state, vector = _read_state(layout, vector)
        settings[meta["name"]] = setting
    return settings
