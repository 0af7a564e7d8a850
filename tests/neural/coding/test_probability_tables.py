"""Tables of probabilities: negative ones by rounding become 0, others are refused."""

from types import SimpleNamespace

import numpy as np
import pytest
from edcurve_neural.coding.probability_tables import tables


def of(probabilities):
    (table,) = tables(SimpleNamespace(tables=lambda: [(-1, probabilities)]))
    return table.probabilities


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_differences_of_a_distribution_function(dtype):
    differences = np.array([0.25, -np.finfo(dtype).eps / 2, 0.75], dtype=dtype)
    assert of(differences).tolist() == [0.25, 0.0, 0.75]
    assert differences[1] < 0


@pytest.mark.parametrize("probabilities", [[0.25, -1e-9, 0.75], [-1e-300], [0.5, np.nan]])
def test_invalid_probabilities(probabilities):
    with pytest.raises(ValueError, match="a table must be of probabilities"):
        of(probabilities)
