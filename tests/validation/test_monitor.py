"""The monitor's visibilities against the S of a source whose visibilities and S were both measured."""

import numpy as np
import pytest

from satqkd.bell.chsh import chsh
