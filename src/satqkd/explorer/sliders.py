"""A scenario with sliders: what a change of hardware does to losses, rates, error rate, S and key, at once."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

import ipywidgets as widgets
import numpy as np

from satqkd.analytic.prospect import answer
from satqkd.orbit import find_sessions
from satqkd.scenario import Scenario, load_scenario

BUDGET_COLOURS = ("#4477aa", "#66ccee", "#228833", "#ccbb44", "#ee6677", "#aa3377")


@dataclass(frozen=True)
class Setting:
    """One slider.

    Attributes
    ----------
    label, unit : str
        As shown.
    keys : tuple of str
        Keys of the scenario that it sets, of which the first that is there gives its beginning.
    span : float
        From the scenario's value over this to the scenario's value times this.
    top : float
        From nothing up to this, where the scenario has nothing.
    """

    label: str
    unit: str
    keys: tuple[str, ...]
    span: float
    top: float = 0.0


SETTINGS = (
    Setting("aperture", "m", ("aperture_m",), 4),
    Setting("divergence", "µrad", ("divergence_full_angle_urad",), 4),
    Setting("pointing jitter", "µrad", ("pointing_jitter_urad",), 10, 10),
    Setting("source rate", "1/s", ("pair_rate_hz", "pulse_rate_hz"), 1000),
    Setting("background", "1/s", ("background_rate_hz",), 100, 1e4),
    Setting("window", "ns", ("window_ns",), 10),
)


def with_settings(scenario: Scenario, values: dict[str, float]) -> Scenario:
    """The scenario with other hardware: `values` by the label of a setting; all stations alike, relative to their own.

    A slider stands for the first station, and the transmitter's beam keeps its shape; other stations and the other
    axis of the beam change by the same factor.
    """
    changed = {}
    for setting in SETTINGS:
        new, first = values[setting.label], beginning(scenario, setting)
        changed |= {key: value * (new / first) if first else new for key, value in _places(scenario, setting)}
    return scenario.replaced(changed)


def beginning(scenario: Scenario, setting: Setting) -> float:
    """The scenario's own value of a setting."""
    return float(np.ravel(_places(scenario, setting)[0][1])[0])


def _places(scenario: Scenario, setting: Setting) -> list[tuple[str, float | np.ndarray]]:
    """Dotted keys of the scenario that a setting moves, and their values."""
    sections = {"transmitter": scenario.transmitter, "source": scenario.source, "coincidence": scenario.coincidence}
    sections |= {f"stations.{i}": station for i, station in enumerate(scenario.stations)}
    return [
        (f"{name}.{key}", np.asarray(value) if isinstance(value, tuple) else value)
        for key in setting.keys
        for name, section in sections.items()
        if (value := getattr(section, key, None)) is not None
    ]


class Explorer(widgets.VBox):
    """Sliders over a scenario, and what it yields.

    Parameters
    ----------
    scenarios : list of str or Path
        Scenario files to choose from.
    """

    def __init__(self, scenarios):
        self._files = {Path(file).stem: file for file in scenarios}
        self._choice = widgets.Dropdown(options=list(self._files), description="scenario")
        self._shown = widgets.HTML()
        self._sliders = widgets.VBox()
        self._choice.observe(self._chosen, "value")
        self._chosen()
        beside = widgets.Layout(flex_flow="row wrap", grid_gap="2em")
        super().__init__([self._choice, widgets.HBox([self._sliders, self._shown], layout=beside)])

    def _chosen(self, _change=None):
        self.scenario = load_scenario(self._files[self._choice.value])
        self._orbit = find_sessions(self.scenario)
        self.sliders = {setting.label: _slider(self.scenario, setting) for setting in SETTINGS}
        self.sliders["elevation cut"] = widgets.FloatSlider(
            value=0, min=0, max=80, step=1, description="elevation cut [°]", **_LOOK
        )
        for slider in self.sliders.values():
            slider.observe(self._answered, "value")
        again = widgets.Button(description="as in the scenario")
        again.on_click(self._chosen)
        self._sliders.children = [*self.sliders.values(), again]
        self._answered()

    def _answered(self, _change=None):
        values = {label: slider.value for label, slider in self.sliders.items()}
        cut = values.pop("elevation cut")
        self.result = answer(with_settings(self.scenario, values), self._orbit, min_elevation_deg=cut)
        self._shown.value = as_html(self.scenario.title, self.result)


_LOOK = {
    "style": {"description_width": "9.5em"},
    "layout": {"width": "27em"},
    "continuous_update": True,
    "readout_format": ".3g",
}


def _slider(scenario: Scenario, setting: Setting) -> widgets.FloatLogSlider | widgets.FloatSlider:
    value, text = beginning(scenario, setting), f"{setting.label} [{setting.unit}]"
    if not value:
        return widgets.FloatSlider(value=0, min=0, max=setting.top, step=setting.top / 100, description=text, **_LOOK)
    middle, span = np.log10(value), np.log10(setting.span)
    return widgets.FloatLogSlider(
        value=value, min=middle - span, max=middle + span, step=span / 100, description=text, **_LOOK
    )


def as_html(title: str, result: dict) -> str:
    """A table of what `answer` gives, and the losses as one stacked bar."""
    rows = [("open link", f"{result['open_s']:.0f} s")]
    if not result["budget"]:
        return f"<h4>{escape(title)}</h4><p>No second of the open link is above the elevation cut.</p>"
    rows += [
        ("attenuation", f"{result['attenuation_min']:.1f} to {result['attenuation_max']:.1f} dB"),
        ("coincidences" if "chsh_s" in result else "sifted signal bits", f"{result['rate']:,.4g} /s"),
        ("sifted", f"{result['sifted']:,.0f} bit"),
        ("QBER", "–" if np.isnan(result["qber"]) else f"{100 * result['qber']:.2f} %"),
    ]
    if "chsh_s" in result:
        rows.append(("S", "–" if np.isnan(result["chsh_s"]) else f"{result['chsh_s']:.3f}"))
    why = f", {result['no_key']}" if result["no_key"] else ""
    rows.append(("secret key", f"{result['key']:,.0f} ± {result['key_sigma']:,.0f} bit{why}"))
    cells = "".join(
        f"<tr><td style='padding-right:1em'>{name}</td><td><b>{value}</b></td></tr>" for name, value in rows
    )
    return f"<h4>{escape(title)}</h4><table>{cells}</table>{_bar(result['budget'])}"


def _bar(budget: dict[str, float]) -> str:
    """Mean losses side by side, as wide as they are large."""
    total = sum(budget.values())
    parts = zip(budget.items(), BUDGET_COLOURS, strict=True)
    pieces = [
        (
            f"<div title='{name}: {loss:.1f} dB' style='background:{colour};width:{100 * loss / total:.2f}%'></div>",
            f"<span style='color:{colour}'>■</span> {name} {loss:.1f} dB",
        )
        for (name, loss), colour in parts
    ]
    bars, legend = zip(*pieces, strict=True)
    return (
        f"<p>mean losses, {total:.1f} dB</p><div style='display:flex;height:1.5em;max-width:30em'>{''.join(bars)}</div>"
        f"<p style='max-width:30em'>{' &nbsp; '.join(legend)}</p>"
    )
