"""Reports that several tests read."""

import edcurve as ed
import numpy as np
import pytest


@pytest.fixture(scope="module")
def ramp_page():
    return ed.report("ramp", shannon=False)


@pytest.fixture(scope="module")
def circle_points():
    return np.stack([np.geomspace(0.02, 0.8, 10), np.linspace(6.0, 1.0, 10)], axis=1)


@pytest.fixture(scope="module")
def circle_page(circle_points):
    return ed.report("circle", circle_points)
