"""A damaged cache of numba is replaced."""

import numpy as np
import pytest
from edcurve.kernels import compiling
from edcurve.kernels.compiling import REALS


def doubled(x):
    x[0] = 2.0 * x[0]


@pytest.mark.parametrize("content", [b"", b"garbled", b"\x80\x05."])
def test_a_damaged_index_is_replaced(tmp_path, monkeypatch, content):
    import numba

    monkeypatch.setattr(numba.core.config, "CACHE_DIR", str(tmp_path))
    compiling.kernel(doubled, [REALS])
    (index,) = tmp_path.rglob("*.nbi")
    whole = index.read_bytes()
    index.write_bytes(content)
    run, x = compiling.kernel(doubled, [REALS]), np.array([3.0])
    run(x)
    assert x[0] == 6.0
    assert len(index.read_bytes()) == len(whole)
    assert sum(compiling.kernel(doubled, [REALS]).stats.cache_hits.values()) == 1
