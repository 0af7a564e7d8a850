"""For all tests of the neural package: one thread, and no folder outside pytest's own."""

import pytest
import torch
from edcurve_neural.compressors import circular_network, network


def pytest_collection_modifyitems(items):
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("cuda"):
                item.add_marker(pytest.mark.skip(reason="no GPU that PyTorch can use by CUDA"))


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True, scope="session")
def _folder_of_inductor(tmp_path_factory):
    """Importing torch._dynamo, as torch.optim.Adam does, makes a folder for a compiler that is not used here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path_factory.mktemp("inductor")))
        yield


@pytest.fixture
def brief_fits(monkeypatch):
    """Fits of the small network that take a fraction of a second."""
    monkeypatch.setattr(circular_network, "LEARNED_FROM", 2**13)
    monkeypatch.setattr(network, "PAIRS", 1000)
    monkeypatch.setattr(network, "ITERATIONS", (5, 5, 10))
    monkeypatch.setattr(network, "STARTS", 2)
