"""A scenario with sliders, which show at once how hardware changes losses, rates, error rate, S and key."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np

from satqkd.analytic.prospect import answer, through_pass
from satqkd.analytic.uncertainty import mission_interval
from satqkd.explorer.drawing import Shown, as_html, drawings
from satqkd.explorer.saving import save_scenario
from satqkd.explorer.settings import (
    CUT,
    HIGHEST_CUT_DEG,
    SETTINGS,
    KeyCurve,
    Setting,
    beginning,
    ends,
    key_curve,
    settings_of,
    with_settings,
)
from satqkd.orbit import find_sessions
from satqkd.scenario import Scenario, ScenarioError, load_scenario

_LOOK = {
    "style": {"description_width": "11.5em"},
    "layout": {"width": "30em"},
    "continuous_update": True,
    "readout_format": ".3g",
}


class Explorer(widgets.VBox):
    """Sliders over a scenario with its expected yield: numbers, curves, a pinned setting for comparison, a saved file.

    Parameters
    ----------
    scenarios : list of str or Path
        Scenario files to choose from.
    """

    def __init__(self, scenarios: Sequence[str | Path]) -> None:
        self._files = {Path(file).stem: Path(file) for file in scenarios}
        self.choice = widgets.Dropdown(options=list(self._files), description="scenario")
        self.pin = widgets.ToggleButton(description="pin", tooltip="keep this setting for comparison")
        self.name = widgets.Text(description="save as", continuous_update=False)
        self.save = widgets.Button(description="save", tooltip="write this setting as a scenario file")
        self.numbers, self.curves, self.said = widgets.HTML(), widgets.HTML(), widgets.HTML()
        wrapped = widgets.Layout(flex_flow="row wrap", grid_gap="0 1.5em")
        self._sliders = widgets.HBox(layout=wrapped)
        again = widgets.Button(description="as in the scenario")
        self.choice.observe(self._choose, "value")
        self.pin.observe(self._pin, "value")
        self.save.on_click(self._save)
        again.on_click(self._choose)
        self._choose()
        buttons = widgets.HBox([self.choice, again, self.pin, self.name, self.save], layout=wrapped)
        super().__init__([buttons, self.said, self._sliders, widgets.HBox([self.curves, self.numbers], layout=wrapped)])

    def _choose(self, _event: Any = None) -> None:
        """Start with a scenario as its file has it."""
        self.said.value, self.pin.value = "", False
        self.shown: Shown | None = None
        self._pinned: Shown | None = None
        self._moved = SETTINGS[0].label
        self._curves: dict[tuple[tuple[str, float], ...], KeyCurve] = {}
        try:
            self.scenario = self._mission(self._files[self.choice.value])
            self._orbit = find_sessions(self.scenario)
        except (ScenarioError, ValueError) as error:
            self.sliders, self._sliders.children = {}, ()
            self.numbers.value, self.curves.value = _sentence(error), ""
            return
        self.name.value = f"{self.scenario.name}_explored"
        self.sliders = {setting.label: _slider(self.scenario, setting) for setting in settings_of(self.scenario)}
        self.sliders[CUT] = widgets.FloatSlider(
            value=0, min=0, max=HIGHEST_CUT_DEG, step=1, description=f"{CUT} [°]", **_LOOK
        )
        for label, slider in self.sliders.items():
            slider.observe(lambda _change, label=label: self._answer(label), "value")
        self._sliders.children = tuple(self.sliders.values())
        self._answer(self._moved)

    @staticmethod
    def _mission(path: Path) -> Scenario:
        scenario = load_scenario(path)
        if not isinstance(scenario, Scenario):
            raise ScenarioError(f"{path}: kind={scenario.kind} has no hardware to change: give a mission")
        return scenario

    @property
    def values(self) -> dict[str, float]:
        """Return the current value of each setting, by label."""
        return {label: float(slider.value) for label, slider in self.sliders.items()}

    def _answer(self, moved: str) -> None:
        """Compute and show the current setting; the key is drawn against the slider `moved`."""
        self._moved = moved
        values = self.values
        try:
            scenario = with_settings(self.scenario, values)
            result = answer(scenario, self._orbit, min_elevation_deg=values[CUT])
            course = through_pass(scenario, self._orbit, min_elevation_deg=values[CUT])
        except ScenarioError as error:
            self.numbers.value = _sentence(error)
            return
        interval = mission_interval(scenario, self._orbit, min_elevation_deg=values[CUT]) if result.budget else None
        self.shown = Shown(values, result, course, interval)
        self._show(self.shown)

    def _show(self, shown: Shown) -> None:
        pinned = self._pinned
        self.numbers.value = as_html(
            self.scenario.title, shown.result, interval=shown.interval, pinned=pinned.result if pinned else None
        )
        self.curves.value = drawings(shown, pinned, self._curve())

    def _curve(self) -> KeyCurve:
        """Return the key against the moved slider, computed again only when another slider has moved meanwhile."""
        held = tuple((label, value) for label, value in self.values.items() if label != self._moved)
        if held not in self._curves:
            self._curves = {held: key_curve(self.scenario, self._orbit, self.values, self._moved)}
        return self._curves[held]

    def _pin(self, change: dict) -> None:
        self._pinned = self.shown if change["new"] else None
        if self.shown is not None:
            self._show(self.shown)

    def _save(self, _button: Any = None) -> None:
        try:
            path = save_scenario(self.scenario, self.values, self.name.value.strip())
        except ScenarioError as error:
            self.said.value = _sentence(error)
            return
        self.said.value = f"<p>written: {escape(str(path))}</p>"
        try:
            find_sessions(load_scenario(path))
        except (ScenarioError, ValueError) as error:
            self.said.value += _sentence(error)


def _sentence(error: Exception) -> str:
    return f"<p style='max-width:34em;line-height:1.4'>{escape(str(error))}</p>"


def _slider(scenario: Scenario, setting: Setting) -> widgets.FloatLogSlider | widgets.FloatSlider:
    value, text = beginning(scenario, setting), f"{setting.label} [{setting.unit}]"
    if not value:
        return widgets.FloatSlider(value=0, min=0, max=setting.top, step=setting.top / 100, description=text, **_LOOK)
    low, high = np.log10(ends(scenario, setting))
    return widgets.FloatLogSlider(value=value, min=low, max=high, step=(high - low) / 200, description=text, **_LOOK)
