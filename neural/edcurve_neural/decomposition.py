"""`Decomposition` and `FineDecomposition`: the parts of an excess."""

from typing import NamedTuple


class Decomposition(NamedTuple):
    """The three parts of an excess, in bits, which add up to it."""

    entropy_model: float
    decoder: float
    partition: float


class FineDecomposition(NamedTuple):
    """The five parts of an excess, in bits, which add up to it; unknown parts are NaN.

    Attributes
    ----------
    dependence : float
        Σⱼ H(Iⱼ) − H: the least cost of coding latents separately; 0 for one latent.
    marginals : float
        The rest of `Decomposition.entropy_model`, from code lengths that do not fit the marginals. It is negative for
        an entropy model that uses the dependence of latents.
    readout : float
        Gain of the best last layer of the decoder, with the other layers unchanged.
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
