"""Pictures: what is drawn equals numbers computed otherwise, read back from the lines; files; errors."""

import base64
import html
import html.parser
import inspect
import pickle
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import optax
import pytest
from PIL import Image

import adaptive_tx as atx
from adaptive_tx import optimizers, plots, schedules
from adaptive_tx.plots import curves, labels, panels, style
from adaptive_tx.plots.history import checked
from adaptive_tx.plots.picture import Picture

PNG, PDF = b"\x89PNG\r\n\x1a\n", b"%PDF"
NAN = float("nan")


def line(axes, label):
    (only,) = [one for one in axes.lines if one.get_label() == label]
    return np.array(only.get_data())


def texts(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


# Surfaces. ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", plots.SURFACES)
def test_minima_are_minima(name):
    """The gradient is zero (by a complex step), all around is higher, and nothing in the window lower."""
    surface = plots.SURFACES[name]
    left, right, bottom, top = surface.window
    x, y = np.meshgrid(np.linspace(left, right, 301), np.linspace(bottom, top, 301))
    assert surface(x, y).min() >= surface.lowest
    angles = np.linspace(0, 2 * np.pi, 100)
    for x, y in surface.minima:
        assert left < x < right and bottom < y < top
        assert abs(surface(x, y) - surface.lowest) < 1e-24
        gradient = surface(x + 1e-30j, y).imag, surface(x, y + 1e-30j).imag
        assert np.abs(gradient).max() / 1e-30 < 1e-12
        around = surface(x + 1e-3 * np.cos(angles), y + 1e-3 * np.sin(angles))
        assert around.min() > surface.lowest + 1e-8


@pytest.mark.parametrize(
    ("name", "x", "y", "value"),
    [
        ("rosenbrock", -1.2, 1.0, 24.2),
        ("rosenbrock", 0.0, 0.0, 1.0),
        ("beale", 0.0, 0.0, 14.203125),
        ("beale", 1.0, 1.0, 14.203125),
        ("ravine", -4.0, 1.0, 58.0),
        ("tilted_ravine", 2.0, 2.0, 4.0),
        ("tilted_ravine", 1.0, -1.0, 100.0),
        ("himmelblau", 0.0, 0.0, 170.0),
    ],
)
def test_surfaces_have_their_known_values(name, x, y, value):
    assert plots.SURFACES[name](x, y) == pytest.approx(value, rel=1e-12)


def test_the_ravines_are_one_ravine_turned():
    for f in (plots.SURFACES["ravine"], plots.SURFACES["tilted_ravine"]):
        mixed = f(1, 1) - f(1, 0) - f(0, 1)
        hessian = [[2 * f(1, 0), mixed], [mixed, 2 * f(0, 1)]]
        np.testing.assert_allclose(np.linalg.eigvalsh(hessian), [1, 100], rtol=1e-12)


# Trajectories. -----------------------------------------------------------------------------------


def by_hand(tx, surface, steps, start=None):
    """The same walk, one update at a time."""
    gradient = jax.jit(jax.grad(lambda p: surface(p[0], p[1])))
    point = jnp.array(surface.start if start is None else start)
    state, points = tx.init(point), [point]
    for _ in range(steps):
        updates, state = tx.update(gradient(point), state, point)
        point = optax.apply_updates(point, updates)
        points.append(point)
    return np.array(points, float)


@pytest.mark.parametrize("name", ["rosenbrock", "beale", "tilted_ravine"])
def test_the_lines_are_the_walk(name):
    """Positions and gaps of every optimizer, read back from the figure, equal a Python loop's."""
    surface, steps = plots.SURFACES[name], 12
    chosen = {"Adam": atx.adam(0.05), "SGD": atx.sgd(1e-4), "optax": optax.rmsprop(0.01)}
    figure = plots.trajectories(chosen, surface=name, steps=steps)
    plane, gaps = figure.axes
    for label, tx in chosen.items():
        expected = by_hand(tx, surface, steps)
        np.testing.assert_allclose(line(plane, label).T, expected, rtol=2e-5, atol=2e-5)
        gap = [(surface(x, y) - surface.lowest) for x, y in line(plane, label).T]
        np.testing.assert_allclose(line(gaps, label)[1], gap, rtol=1e-12)
        np.testing.assert_array_equal(line(gaps, label)[0], np.arange(steps + 1))
    assert gaps.get_yscale() == "log"
    stars = [one for one in plane.lines if one.get_marker() == "*"]
    np.testing.assert_array_equal(np.transpose(stars[0].get_data()), surface.minima)


def test_a_start_of_ones_own():
    figure = plots.trajectories(atx.adam(0.1), surface="himmelblau", steps=3, start=(7, -1))
    np.testing.assert_array_equal(line(figure.axes[0], "adam, lr 0.1")[:, 0], [7, -1])
    assert figure.axes[0].get_xlim()[1] > 7  # the window grew
    assert figure.axes[0].get_ylim() == (-5, 5)


def test_a_sweep_is_one_way_per_member():
    sweep = jax.vmap(atx.adam)(jnp.array([0.01, 0.1]))
    figure = plots.trajectories(sweep, steps=5)
    for rate in (0.01, 0.1):
        expected = by_hand(atx.adam(rate), plots.SURFACES["rosenbrock"], 5)
        np.testing.assert_allclose(
            line(figure.axes[0], f"adam, lr {rate}").T, expected, rtol=2e-5, atol=2e-5
        )
    named = plots.trajectories({"Adam": sweep, "other": atx.sgd(1e-3)}, steps=2)
    assert texts(named)[-3:] == ["Adam, lr 0.01", "Adam, lr 0.1", "other"]


def test_a_diverging_way_ends_at_the_edge_and_the_key_says_when():
    """Gradient descent on the ravine is unstable above 2 / 100: y grows by |1 - 100 lr| each step."""
    figure = plots.trajectories(
        {"stable": atx.sgd(0.019), "unstable": atx.sgd(0.03)}, surface="ravine", steps=60
    )
    plane, gaps = figure.axes
    x, y = line(plane, "unstable")
    assert len(x) == 2 and y[-1] == -1.5  # |y| = 1, then 2: out at step 1, through the bottom
    share = (y[-1] - 1) / (-2 - 1)  # of the straight line from (-4, 1) to (-3.88, -2)
    assert x[-1] == pytest.approx(-4 + share * 0.12, rel=1e-5)
    crosses = [np.array(one.get_data()).T for one in plane.lines if one.get_marker() == "x"]
    np.testing.assert_allclose(np.concatenate(crosses), [[x[-1], -1.5]])
    assert texts(figure)[-2:] == ["stable", "unstable: leaves at step 1"]
    assert np.all(np.abs(line(gaps, "unstable")[1]) >= 0) and gaps.get_ylim()[1] < 1e4
    x, y = line(plane, "stable")
    assert len(x) == 61


def test_the_key_says_what_is_not_finite_or_comes_back():
    surface = plots.SURFACES["ravine"]
    explodes, returns = atx.sgd(10.0), atx.momentum(0.03)
    figure = plots.trajectories({"a": explodes, "b": returns}, surface="ravine", steps=60)
    broken = np.flatnonzero(~np.isfinite(by_hand(explodes, surface, 60)).all(1))[0]
    walk = by_hand(returns, surface, 60)
    away = np.flatnonzero(np.abs(walk[:, 1]) > 1.5)
    assert broken > 2 and len(away) and away[-1] < 60
    where = f"in steps {away[0]} to {away[-1]}" if len(away) > 1 else f"at step {away[0]}"
    endings = [f"a: leaves at step 1, not finite from step {broken}", f"b: outside {where}"]
    assert texts(figure)[-2:] == endings
    np.testing.assert_allclose(line(figure.axes[0], "b").T, walk, rtol=2e-5, atol=2e-5)


def test_an_exact_arrival_and_a_surface_of_ones_own():
    """One step of size 1 on x^2/2 + y^2/2 is the minimum: a gap of zero on a logarithmic axis."""
    bowl = plots.Surface(
        lambda x, y: (x**2 + y**2) / 2 + 3, "½ (x² + y²) + 3", ((0, 0),), (1, 1), (-2, 2, -2, 2), 3
    )
    figure = plots.trajectories(atx.sgd(1.0), surface=bowl, steps=2)
    np.testing.assert_array_equal(line(figure.axes[1], "sgd, lr 1")[1], [1, 0, 0])
    assert figure.axes[1].get_ylim()[0] > 0
    assert figure.file("png").startswith(PNG)


def test_rules_that_want_the_value_get_it():
    """Polyak's step is f / |f'|^2: on one axis of a parabola it halves the distance each time."""
    figure = plots.trajectories(optax.polyak_sgd(), surface="ravine", start=(-4, 0), steps=4)
    (way,) = [one for one in figure.axes[0].lines if one.get_label().startswith("optax")]
    np.testing.assert_allclose(way.get_xdata(), [-4, -2, -1, -0.5, -0.25], rtol=1e-5)


# Labels. -----------------------------------------------------------------------------------------


NAMED = {
    name: make
    for name, make in vars(optimizers).items()
    if inspect.isfunction(make) and make.__module__ == optimizers.__name__ and name[0] != "_"
}


def label_of(*given):
    return labels.of_optimizers([(None, tx) for one in given for tx in labels.members("x", one)])


@pytest.mark.parametrize("name", NAMED)
def test_named_optimizers_are_labelled_with_their_name(name):
    assert label_of(NAMED[name](0.01)) == [f"{name}, lr 0.01"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            (atx.adam(0.1), atx.adam(0.1, b2=0.9)),
            ["adam, lr 0.1, b2 0.999", "adam, lr 0.1, b2 0.9"],
        ),
        ((atx.adam(0.1), atx.adam(0.1)), ["adam, lr 0.1 (1)", "adam, lr 0.1 (2)"]),
        ((atx.adam(schedules.cosine(0.1, 9)),), ["adam, lr cosine"]),
        ((atx.adam(lambda t: 0.1),), ["adam, lr lambda"]),
        ((atx.chain(atx.clip_by_value(1), atx.adamw(0.1)),), ["clip_by_value + adamw, lr 0.1"]),
        ((atx.measured(atx.adam(0.1)),), ["measured(adam), lr 0.1"]),
        ((atx.scale_by_adam(),), ["adam"]),
        (
            (jax.vmap(lambda peak: atx.sgd(schedules.cosine(peak, 9)))(jnp.array([0.5, 0.25])),),
            ["sgd, lr cosine, peak 0.5", "sgd, lr cosine, peak 0.25"],
        ),
        (
            (atx.radam(0.1), atx.radam(0.1, below="none")),
            ["radam, lr 0.1, below momentum", "radam, lr 0.1, below none"],
        ),
    ],
)
def test_labels_say_what_differs(given, expected):
    assert label_of(*given) == expected


# Schedules. --------------------------------------------------------------------------------------


def test_schedules_are_drawn_at_every_count():
    """Ours, optax's, and a Python function that cannot be traced, with its jump one count wide."""
    steps, warm = 200, schedules.with_warmup(schedules.cosine(1e-3, 150), 50)
    jump = lambda count: 1e-3 if count < 70 else 2e-4  # noqa: E731  as a user writes it
    given = {"warm": warm, "optax": optax.exponential_decay(1e-3, 10, 0.9), "jump": jump}
    (axes,) = plots.schedule(given, steps=steps).axes
    for name, function in given.items():
        expected = [float(function(float(count))) for count in range(steps)]
        np.testing.assert_allclose(line(axes, name)[1], expected, rtol=1e-6, atol=1e-9)
        np.testing.assert_array_equal(line(axes, name)[0], np.arange(steps))
    assert list(line(axes, "jump")[1][69:71]) == [1e-3, 2e-4]


def test_schedules_are_named_as_they_are_written():
    def mine(count):
        return 1 / (1 + count)

    given = schedules.cosine(1e-3, 90), optax.cosine_decay_schedule(1e-3, 5), mine, lambda t: t
    named = ["cosine(peak=0.001, steps=90, floor=0)", "cosine_decay_schedule", "mine", "lambda"]
    with jax.numpy_dtype_promotion("standard"):  # optax's do not run in strict mode
        assert texts(plots.schedule(*given, steps=3)) == named


def test_unlike_schedules_get_panels_of_their_own():
    unlike = {"rate": schedules.linear(0, 1e-3, 9), "b2": schedules.linear(0.9, 0.99, 9)}
    figure = plots.schedule({**unlike, "small": schedules.constant(1e-4)}, steps=10)
    shared = [{one.get_label() for one in axes.lines} for axes in figure.axes]
    assert shared == [{"rate", "small"}, {"b2"}]


# The dashboard. ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run():
    """A short real run with what `measured` says of it: name -> array[steps]."""
    images = jax.random.normal(jax.random.key(0), (64, 8))
    wanted = jnp.tanh(images @ jnp.linspace(-1, 1, 16).reshape(8, 2))
    params = {"enc": {"w": 0.1 * jnp.ones((8, 4))}, "out": {"w": 0.1 * jnp.ones((4, 2))}}
    tx = atx.measured(atx.chain(atx.clip_by_global_norm(0.05), atx.radam(0.1)), by="leaf")

    def loss(params):
        return jnp.mean((jnp.tanh(images @ params["enc"]["w"]) @ params["out"]["w"] - wanted) ** 2)

    def step(carry, _):
        params, state = carry
        value, grads = jax.value_and_grad(loss)(params)
        updates, state = tx.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), {"loss": value, **atx.metrics(state)}

    return jax.lax.scan(step, (params, tx.init(params)), length=40)[1]


def test_every_metric_has_its_place(run):
    """What belongs together stands together, and every number of the run is in some line or band."""
    shown = {panel.title: panel for panel in panels.panels(checked("x", run))}
    labelled = {title: [curve.label for curve in panel.curves] for title, panel in shown.items()}
    leaves = ["enc/w", "out/w"]
    assert list(labelled)[:2] == ["loss", "norms"]
    assert labelled["norms"] == ["grad_norm", "update_norm", "param_norm"]
    assert labelled["grad_norm by group"] == ["grad_norm", *leaves]
    assert labelled["update_to_param"] == ["update_to_param", *leaves]
    assert labelled["snr_q90 by group"] == ["snr_q90", *leaves]
    assert shown["signal to noise"].band == "snr_q10 to snr_q90"
    assert shown["effective step"].bound == "effective_step_bound"
    assert shown["rectification"].right.label == "rho"
    assert labelled["gradient"] == ["gradient_signal", "gradient_noise"]
    assert shown["norms"].log and not shown["rectification"].log
    every = [curve for panel in shown.values() for curve in panel.every()]
    drawn = {values.tobytes() for curve in every for values in curve.arrays()}
    for name, values in run.items():
        assert np.asarray(values, float).tobytes() in drawn or not values.any(), name
    assert "nonfinite_leaves" not in shown and not run["nonfinite_leaves"].any()
    said = " ".join(plots.dashboard(run).texts[1].get_text().split())
    assert "zero throughout: nonfinite_leaves" in said


def test_the_lines_are_the_metrics(run):
    figure = plots.dashboard(run)
    lines = {one.get_label(): one for axes in figure.axes[:2] for one in axes.lines}
    for name in ("loss", "grad_norm", "update_norm", "param_norm"):
        np.testing.assert_array_equal(lines[name].get_xdata(), np.arange(1, 41))
        np.testing.assert_allclose(lines[name].get_ydata(), run[name], rtol=1e-7)


def test_parts_of_a_chain_and_unknown_names():
    """Names after a part go to the family of their metric; all else has a panel of its own."""
    one = np.ones(3)
    names = [
        "1.0.snr_median",
        "1.0.snr_q10",
        "1.0.snr_q90",
        "2.loss",
        "rho",
        "train/loss",
        "acc/x",
        "acc",
    ]
    shown = panels.panels(dict.fromkeys(names, one))
    assert {panel.title: [curve.label for curve in panel.curves] for panel in shown} == {
        "2.loss": ["2.loss"],
        "rho": ["rho"],
        "train": ["loss"],
        "acc": ["acc", "x"],
        "signal to noise, part 1.0": ["snr_median"],
    }


def test_gaps_are_gaps_with_a_tick():
    """Steps that are not finite: no line through them, a tick at each, a dot for a lone value."""
    broken = [1.0, NAN, 3.0, float("inf"), 5.0, 6.0]
    figure = plots.dashboard({"a": broken, "b": [NAN] * 6})
    a, b = figure.axes
    np.testing.assert_array_equal(line(a, "a")[1], [1, NAN, 3, NAN, 5, 6])
    ticks = [one for one in a.lines if one.get_marker() == "|"]
    assert [list(one.get_xdata()) for one in ticks] == [[2, 4]]
    assert ticks[0].get_color() == style.RED
    dots = [one for one in a.lines if one.get_marker() == "."]
    np.testing.assert_array_equal(dots[0].get_data(), [[1, 3], [1, 3]])
    words = [text.get_text() for text in figure.texts]
    assert "not finite: 2 steps" in words and "not finite: 6 steps" in words
    assert figure.file("png").startswith(PNG)


@pytest.mark.parametrize(
    ("values", "scale"),
    [([1, 2, 49], "linear"), ([1, 2, 51], "log"), ([0, 2, 51], "linear"), ([-1, 1, 99], "linear")],
)
def test_a_wide_range_is_logarithmic(values, scale):
    assert plots.dashboard({"a": values}).axes[0].get_yscale() == scale


def test_norms_of_zero_fall_out_of_the_axis():
    axes = plots.dashboard({"grad_norm": [1.0, 0.0, 2.0]}).axes[0]
    assert axes.get_yscale() == "log" and axes.get_ylim()[0] > 0.5
    assert plots.dashboard({"grad_norm": [0, 0]}).axes[0].get_yscale() == "linear"


def test_long_runs_keep_their_extremes():
    values = np.sin(np.arange(50_000))
    values[[777, 40_001]], values[30_000] = [9, -9], NAN
    x, y = line(plots.dashboard({"a": values}).axes[0], "a")
    assert len(x) <= 3 * curves.BUCKETS + 2 and (x[0], x[-1]) == (1, 50_000)
    assert (y[x == 778], y[x == 40_002]) == (9, -9) and np.isnan(y[x == 30_001])
    np.testing.assert_array_equal(y, values[x.astype(int) - 1])


def test_a_long_run_is_smoothed_with_its_steps_behind():
    """The mean over a fortieth of the run around each step, by a plain loop; a gap stays a gap."""
    values = np.random.default_rng(0).normal(size=400)
    values[100] = NAN
    figure = plots.dashboard({"a": values})
    x, y = line(figure.axes[0], "a, smoothed")
    expected = [np.nanmean(values[max(i - 5, 0) : i + 6]) for i in range(400)]
    expected[100] = NAN
    np.testing.assert_allclose(y, expected, rtol=1e-9)
    np.testing.assert_array_equal(x, np.arange(1, 401))
    np.testing.assert_array_equal(line(figure.axes[0], "a")[1], values)
    said = " ".join(figure.texts[1].get_text().split())
    assert said == "400 steps; lines are means over 11 steps, behind them each step"
    assert [one.get_label() for one in plots.dashboard({"a": values[:99]}).axes[0].lines][0] == "a"


def test_the_page_says_the_numbers_where_one_points(tmp_path):
    """The strips lie over the axes, one for each of few steps, and tell what is drawn there."""
    history = {"loss": [4.0, 2.0, 1.0], NASTY: [1.0, NAN, 3.0], "rectification": [1, 2, 3]}
    plots.dashboard_html(history | {"rho": [7.0, 8.0, 9.0]}, tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text()
    said = [html.unescape(at) for at in re.findall(r'data-at="([^"]*)"', text)]
    assert said[:3] == ["step 1\nloss 4", "step 2\nloss 2", "step 3\nloss 1"]
    assert f"step 2\n{NASTY} nan" in said
    assert said[-1] == "step 3\nrectification 3\nrho 9"
    shown = panels.panels(checked("x", history))[0]
    numbers = r'class="steps" style="left:(.*?)%;width:(.*?)%;top:(.*?)%;height:(.*?)%'
    left, across, top, tall = np.array(re.findall(numbers, text)[0], float) / 100
    picture = Picture(curves.WIDE, curves.height(shown))
    curves.draw(picture, 0, 0, shown)
    where = picture.axes[0].get_position()
    drawn = where.x0, where.width, 1 - where.y1, where.height
    np.testing.assert_allclose([left, across, top, tall], drawn, atol=1e-4)
    plots.dashboard_html({"loss": np.arange(5000.0)}, tmp_path / "b.html")
    many = re.findall(r"step (\d+)&#10;loss", (tmp_path / "b.html").read_text())
    assert len(many) == 100 and many == sorted(many, key=int) and 5000 - int(many[-1]) < 50


def test_of_many_groups_those_that_end_highest_are_named():
    history = {f"grad_norm/{i:02}": [1.0, float(i)] for i in range(20)}
    figure = plots.dashboard(history)
    names = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert names == ["19", "18", "17", "16", "15", "14", "13", "and 13 that end lower"]
    drawn = [one for one in figure.axes[0].lines if re.fullmatch(r"\d\d", one.get_label())]
    assert len(drawn) == len({one.get_color() for one in drawn}) == 20


@pytest.mark.parametrize("kind", [list, np.array, jnp.array, lambda x: jnp.array(x, jnp.bfloat16)])
def test_any_kind_of_numbers(kind):
    axes = plots.dashboard({"a": kind([1.0, 2.0]), "b": [jnp.ones(()), True]}).axes
    assert list(line(axes[0], "a")[1]) == [1, 2] and list(line(axes[1], "b")[1]) == [1, 1]


# The page. ---------------------------------------------------------------------------------------


VOID = {"meta", "source", "img"}


class Page(html.parser.HTMLParser):
    """Checks that tags are balanced, and collects pictures and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.images, self.media = [], "", [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open += [] if tag in VOID else [tag]
        attrs = dict(attrs)
        self.images += [attrs] if tag == "img" else []
        self.media += [attrs] if tag == "source" else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def svg(uri):
    """What the address of a picture holds, with the text of its colours."""
    kind, _, content = uri.partition(",")
    assert kind == "data:image/svg+xml;base64"
    text = base64.b64decode(content).decode()
    root = ElementTree.fromstring(text)
    assert not [one for one in root.iter() if one.tag.endswith(("script", "image"))]
    return text.lower()


NASTY = 'a<b>&"\'$x$ id="q" #222222'


@pytest.mark.slow
def test_the_page_stands_alone(run, tmp_path):
    """One file: nothing loaded, readable on a phone, on paper, in the dark, and by ear."""
    path = tmp_path / "run.html"
    few = {name: run[name] for name in ("loss", "rho", "rectification", "grad_norm")}
    plots.dashboard_html({**few, NASTY: run["loss"]}, path, title=f"T {NASTY} </title><script>")
    text = path.read_text()
    page = Page(text)
    assert not re.search(r"https?:|url\(|@import|<script|<link|href", text)
    shown = panels.panels(checked("x", {**few, NASTY: run["loss"]}))
    assert len(page.images) == len(page.media) == len(shown)
    for panel, image, dark in zip(shown, page.images, page.media):
        assert image["alt"].startswith(f"{panel.title}: {panel.curves[0].label}")
        assert dark["media"] == "screen and (prefers-color-scheme: dark)"
        for uri, palette in ((image["src"], style.LIGHT), (dark["srcset"], style.DARK)):
            assert palette.lines[0].lower() in svg(uri)
        assert not {*style.LIGHT.lines} & {*re.findall("#......", svg(dark["srcset"]).upper())}
    assert page.text.count(NASTY) >= 4  # twice in the title, above its panel, in the table
    assert "viewport" in text and "@media print" in text
    assert not re.search(r"20\d\d-\d\d-\d\d", text) and f"jax {jax.__version__}" in text


def test_the_same_run_is_the_same_page(tmp_path):
    for name in ("a.html", "b.html"):
        plots.dashboard_html({"a": [1, 2], "rho": [1, 2]}, tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_the_table_counts_what_is_finite(tmp_path):
    plots.dashboard_html({"a": [1.0, 4.0, NAN, 1.0], "b": [NAN] * 4}, tmp_path / "a.html")
    rows = re.findall(r"<tr>(.*?)</tr>", (tmp_path / "a.html").read_text())
    cells = [re.findall(r">([^<]+)</td>", row) for row in rows]
    assert cells[1:] == [["a", "1", "1", "4", "2", "1"], ["b", "nan", "nan", "nan", "nan", "4"]]


# Files, notebooks, matplotlib. -------------------------------------------------------------------


def test_files(tmp_path):
    figure = plots.trajectories(atx.adam(0.1), steps=3, path=tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(PNG)
    plots.schedule(schedules.constant(1), steps=3, path=str(tmp_path / "b.PDF"))
    assert (tmp_path / "b.PDF").read_bytes().startswith(PDF)
    plots.dashboard({"a": [1, 2]}, tmp_path / "c.svg", title="A <b> $x$")
    root = ElementTree.parse(tmp_path / "c.svg").getroot()
    assert "A <b> $x$" in [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    png, size = figure._repr_png_()
    assert png.startswith(PNG) and size["width"] == round(100 * figure.get_size_inches()[0])
    assert isinstance(figure, matplotlib.figure.Figure)
    assert pickle.loads(pickle.dumps(figure)).file("png").startswith(PNG)


@pytest.mark.slow
def test_the_animation_shows_every_step(tmp_path):
    path = tmp_path / "a.gif"
    figure = plots.animate(atx.sgd(1e-3), steps=3, path=path, fps=10).figure
    with Image.open(path) as gif:
        assert gif.format == "GIF" and gif.n_frames == 4
        assert gif.info["duration"] == 100
    expected = by_hand(atx.sgd(1e-3), plots.SURFACES["rosenbrock"], 3)
    np.testing.assert_allclose(line(figure.axes[0], "sgd, lr 0.001").T, expected, rtol=2e-5)
    short = plots.animate(atx.sgd(1e-3), steps=100, frames=3)
    shown = [
        len(line(short.figure.axes[0], "sgd, lr 0.001")[0]) for _ in map(short.show, (0, 50, 100))
    ]
    assert shown == [1, 51, 101]
    assert short._repr_html_().startswith('<img alt="animation" src="data:image/gif;base64,R0lGOD')


def test_the_users_settings_change_nothing_and_are_not_changed():
    plain = plots.dashboard({"a": [1, 2]}).file("png")
    before = dict(matplotlib.rcParams)
    with matplotlib.rc_context({"axes.facecolor": "black", "text.usetex": True, "font.size": 40}):
        assert plots.dashboard({"a": [1, 2]}).file("png") == plain
    assert dict(matplotlib.rcParams) == before


@pytest.mark.slow
def test_matplotlib_is_asked_for_only_to_draw():
    """Importing does not import it; drawing imports no pyplot; where it is missing, one line explains."""
    code = """
import sys
import adaptive_tx as atx
from adaptive_tx import plots
assert "matplotlib" not in sys.modules
if sys.argv[1] == "without":
    sys.modules["matplotlib"] = None
    for draw in (lambda: plots.trajectories(atx.sgd(1e-3)), lambda: plots.animate(atx.sgd(1e-3)),
                 lambda: plots.schedule(float, steps=3), lambda: plots.dashboard({"a": [1]}),
                 lambda: plots.dashboard_html({"a": [1]}, "a.html")):
        try:
            draw()
        except ImportError as error:
            assert str(error) == "adaptive_tx.plots needs matplotlib: pip install adaptive-tx[plots]"
        else:
            raise AssertionError
else:
    plots.dashboard({"a": [1, 2]}).file("png")
    assert "matplotlib.pyplot" not in sys.modules
"""
    runs = [
        subprocess.Popen([sys.executable, "-c", code, how], stderr=subprocess.PIPE, text=True)
        for how in ("with", "without")
    ]
    for process in runs:
        assert process.wait() == 0, process.stderr.read()
        process.stderr.close()


# Errors. -----------------------------------------------------------------------------------------


T, S, D = plots.trajectories, plots.schedule, plots.dashboard
TX = atx.sgd(1e-3)
SWEEP = jax.vmap(atx.sgd)


@pytest.mark.parametrize(
    ("kind", "message", "draw"),
    [
        (ValueError, "trajectories: needs at least one gradient transformation", lambda: T()),
        (ValueError, "trajectories: needs at least one gradient transformation", lambda: T({})),
        (
            TypeError,
            "trajectories: expected a gradient .*; was it meant to be called?",
            lambda: T(atx.adam),
        ),
        (TypeError, "trajectories: .* or a dict of them, got 3", lambda: T({"a": 3})),
        (ValueError, "surface must be one of rosenbrock, beale", lambda: T(TX, surface="hill")),
        (ValueError, "trajectories: steps must be at least 1", lambda: T(TX, steps=0)),
        (TypeError, "trajectories: steps must be a Python int", lambda: T(TX, steps=1.5)),
        (ValueError, "start must be two finite numbers", lambda: T(TX, start=(1,))),
        (ValueError, "start must be two finite numbers", lambda: T(TX, start=(1, NAN))),
        (ValueError, "at most 14 ways .* got 15; of a sweep", lambda: T(SWEEP(jnp.ones(15)))),
        (ValueError, "one leading axis", lambda: T(jax.vmap(SWEEP)(jnp.ones((2, 2))))),
        (
            ValueError,
            r"path must end in one of .png, .svg, .pdf; got 'a.bmp'",
            lambda: T(TX, path="a.bmp"),
        ),
        (ValueError, "trajectories: there is no folder 'no'", lambda: T(TX, path="no/a.png")),
        (
            ValueError,
            "animate: path must end in one of .gif",
            lambda: plots.animate(TX, path="a.mp4"),
        ),
        (ValueError, "animate: frames must be at least 2", lambda: plots.animate(TX, frames=1)),
        (ValueError, "animate: fps must be at least 1", lambda: plots.animate(TX, fps=0)),
        (ValueError, "schedule: needs at least one schedule", lambda: S(steps=3)),
        (
            TypeError,
            "schedule: expected a schedule or a dict of them, got 0.1",
            lambda: S(0.1, steps=3),
        ),
        (ValueError, "schedule: steps must be at least 1", lambda: S(float, steps=0)),
        (ValueError, "at most 14 can be told apart", lambda: S(*[float] * 15, steps=3)),
        (
            ValueError,
            "lambda must return a scalar, got an array of shape .2,.",
            lambda: S(lambda t: t * jnp.ones(2, jnp.int32), steps=3),
        ),
        (ValueError, "lambda must return a number, got 'a'", lambda: S(lambda t: "a", steps=3)),
        (ValueError, "dashboard: history is empty", lambda: D({})),
        (TypeError, "dashboard: history must be a dict", lambda: D([1, 2])),
        (
            ValueError,
            "dashboard: a must be one number per step, got an array of shape ()",
            lambda: D({"a": 1.0}),
        ),
        (
            ValueError,
            "a must be one number .* .2, 3.; choose one member",
            lambda: D({"a": jnp.ones((2, 3))}),
        ),
        (ValueError, "dashboard: a has no steps", lambda: D({"a": []})),
        (
            ValueError,
            "dashboard: b has length 1, but a has length 2",
            lambda: D({"a": [1, 2], "b": [1]}),
        ),
        (ValueError, "dashboard: a must be one real number per step", lambda: D({"a": ["1"]})),
        (ValueError, "dashboard: a must be one real number per step", lambda: D({"a": [None, 1]})),
        (ValueError, "dashboard: a must be one real number per step", lambda: D({"a": [1j]})),
        (
            ValueError,
            "dashboard: a must be one real number per step",
            lambda: D({"a": [[1], [1, 2]]}),
        ),
        (ValueError, "dashboard: path must end in one of .png", lambda: D({"a": [1]}, "a.html")),
        (
            ValueError,
            "dashboard_html: path must end in one of .html",
            lambda: plots.dashboard_html({"a": [1]}, "a.png"),
        ),
        (
            ValueError,
            "dashboard_html: history is empty",
            lambda: plots.dashboard_html({}, "a.html"),
        ),
    ],
)
def test_errors(kind, message, draw):
    with pytest.raises(kind, match=message):
        draw()
