"""`Decomposition` and `FineDecomposition`: the parts of an excess."""

from typing import NamedTuple


class Decomposition(NamedTuple):
    """The three parts of an excess, in bits, which add up to it."""

    entropy_model: float
    decoder: float
    partition: float


class FineDecomposition(NamedTuple):
    """The five parts of an excess, in bits, which add up to it; NaN for those that are not known.

    Attributes
    ----------
    dependence : float
        Σⱼ H(Iⱼ) − H: what separate code lengths of the latents waste, at best; 0 for one latent.
    marginals : float
        The rest of `Decomposition.entropy_model`: code lengths that do not fit the latents one by one. It is negative
        for an entropy model that uses their dependence.
    readout : float
        What the best last layer of the decoder would gain, with the layers before it as they are.
    features : float
        The rest of `Decomposition.decoder`, which no last layer recovers.
    partition : float
        As in `Decomposition`.
    """

    dependence: float
    marginals: float
    readout: float
    features: float
    partition: float
