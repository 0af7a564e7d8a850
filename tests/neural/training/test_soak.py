"""A few kills; `make soak` makes hundreds of them."""

from soak.killing import Undisturbed, soaked


def test_a_sweep_that_is_killed_ends_with_the_same_bits(tmp_path):
    counts = soaked(Undisturbed(tmp_path), "threads", seed=0, most=3, name="short")
    assert counts.total() >= 1
