"""The commands of the neural part, which `edcurve` finds under the entry-point group ``edcurve.commands``.

They are listed here without importing their modules, which import PyTorch.
"""

from __future__ import annotations

from edcurve.cli.lazy import LazyCommand

NEURAL, CODING = (f"the extra {extra}: pip install 'edcurve[{extra}]'" for extra in ("neural", "coding"))
FIGURES = "Draw the optimal trade-offs of the ramp and the circle, and the paper's figures with trained compressors."

COMMANDS = tuple(
    LazyCommand(name, line, module=f"{__name__}.{module}", needs=needs)
    for name, line, module, needs in (
        ("train", "Train one neural compressor, and measure it.", "training", NEURAL),
        ("sweep", "Train many neural compressors into a store.", "training", NEURAL),
        ("runs", "List the trained compressors of a store.", "training", NEURAL),
        ("baseline", "Measure compressors that are not neural, for comparison.", "baseline", NEURAL),
        ("encode", "Compress realizations to a file by a trained compressor.", "coding", CODING),
        ("decode", "Reconstruct what was compressed into a file.", "coding", CODING),
        ("figures", FIGURES, "figures", "packages that come with edcurve: pip install edcurve"),
    )
)
