"""The public names, which users and other programs call, and which must stay."""

import importlib
import subprocess
import sys

import pytest

PUBLIC = {
    "edcurve": """
        Certificate Circle Curve Edge Excess KleinBottle Lagrangian MeanExcess Measurement Partition PowerLaw
        Pulse Quantizer Ramp RateDistortion Rotations SampledCurve SampledLoop SampledRamp SampledSurface
        Sawbridge Segmentation Sinusoid Source Spectrum Sphere Square Torus Triangle UniformScalar Units
        VectorQuantizer Waveform certificate certify convex_hull curve distortion_entropy ecvq
        empirical_rate_distortion entropy_distortion excess gaussian_bound inequalities lagrangian
        lagrangian_bound lower_bound mean_excess measure multipliers partition plot_gap quantizer rank_floor
        rate_distortion rate_distortion_bounds relaxation report search segment upper_bound unit_vector_bound
        water_filling
    """,
    "edcurve.certificate": """
        Certificate Slopes Star certify verify_condition
    """,
    "edcurve.inequalities": """
        circle ramp
    """,
    "edcurve.relaxation": """
        ConvexConcave IntegerProgram MeasureLP Sweep convex_concave integer_program measure_lp sweep
    """,
    "edcurve.search": """
        SearchResult minimise_entropy minimise_entropy_many minimise_lagrangian minimise_lagrangian_many
    """,
    "edcurve_neural": """
        Circular Codebook Coded Config DamagedFileError DataEvaluation Decomposition Evaluation FineDecomposition NTC
        Run Store Sweep baselines cluster coding compress decompress ecvq evaluate figures from_file from_samples
        functional grid phase_quantizer processes read_indices sweep train train_many transform_coding write_indices
    """,
}
NEED_AN_EXTRA = {"Certificate", "certificate", "certify"}


@pytest.mark.parametrize(
    "module", [name if name != "edcurve_neural" else pytest.param(name, marks=pytest.mark.torch) for name in PUBLIC]
)
def test_public_names_are_there(module):
    package = importlib.import_module(module)
    missing = [name for name in PUBLIC[module].split() if not hasattr(package, name)]
    assert missing == []


@pytest.mark.parametrize("module", ["edcurve", "edcurve_neural"])
def test_nothing_else_is_public(module):
    """Names from `dir` and `from … import *`; new public names are added here on purpose."""
    package = importlib.import_module(module)
    names = set(PUBLIC[module].split())
    assert set(dir(package)) >= names
    assert set(package.__all__) == names - (NEED_AN_EXTRA if module == "edcurve" else {"figures"})


def test_a_missing_name():
    import edcurve

    with pytest.raises(AttributeError, match="entropy_distorsion"):
        edcurve.entropy_distorsion  # noqa: B018  # the access is what is tested


def test_everything_can_be_imported_at_once_without_the_extra_for_certificates():
    code = "import sys; sys.modules['flint'] = None; from edcurve import *; print(entropy_distortion('circle', 1.0))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0.0\n"
