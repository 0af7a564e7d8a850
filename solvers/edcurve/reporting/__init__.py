"""A report: one HTML file about a source, and about measured compressors."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edcurve.io import files, tables
from edcurve.sources import Source, resolve
from edcurve.units import Units
from edcurve.versions import system, versions

SUFFIXES = (".html", ".htm")
MOST = 1000  # points, for a file below 6.3 MB


def report(
    source: Source | str,
    points: Any = None,
    out: str | os.PathLike[str] | None = None,
    *,
    shannon: bool | None = None,
    command: Sequence[str] = (),
    units: Units | None = None,
) -> str | None:
    """Write one self-contained HTML file about a source, and the gaps of measured compressors to its optimum.

    It has an interactive plot of E(D), its bounds and its convex hull, or for a surface of the band that contains E(D);
    the gap of each point, and its parts if known; certificates; versions and the command. It loads nothing from the
    network, and the same input gives the same file. It needs plotly (``pip install 'edcurve[report]'``).

    Parameters
    ----------
    source : Source or str
        The source, or the name of a built-in one.
    points : path, pandas.DataFrame, mapping of columns, or array_like of shape (n, 2), optional
        At most 1000 measured points: pairs of D and H in bits, or a CSV or table with columns distortion and entropy.
        A column lmbda adds the excess of H + λD. With columns rate and distortion_centroid as well, the report has the
        parts of the excess of R + λD; entropy_marginals and distortion_readout split two of these.
        ``edcurve runs --csv`` writes all of them. Rows whose column source names another source, and runs without a
        result, are left out, which the report mentions.
    out : path, optional
        The .html or .htm file to write atomically; without it the page is returned.
    shannon : bool, optional
        Whether to add Shannon's R(D); by default for closed sources, where it is fast.
    command : sequence of str, optional
        The command line that the report shows.
    units : Units, optional
        Conversion of columns such as psnr and bpp into D and H.

    Returns
    -------
    str or None
        The page, or None if `out` is given.

    Raises
    ------
    ValueError, TypeError
        For invalid arguments, and points that are not numbers, named in the message.
    ImportError
        Without plotly.
    """
    from . import content, page

    source = resolve(source, surfaces=True)
    if out is not None and Path(out).suffix.lower() not in SUFFIXES:
        raise ValueError(f"out must end in {' or '.join(SUFFIXES)}, got {os.fspath(out)!r}")
    if out is not None and isinstance(points, str | os.PathLike):
        files.check_outputs([out], [points])
    measured = None if points is None else tables.read(points, source.name, units=units)
    if measured is not None and len(measured) > MOST:
        raise ValueError(f"points must be at most {MOST}, got {len(measured)}")
    page.plotly()  # raises before the work if plotly is missing
    curve = content.trade_off(source, measured)
    rates = content.shannon(source, curve, shannon)
    gaps = None if measured is None else content.gaps(source, measured)
    certificates = content.certificates(source, curve, measured)
    provenance = {"command": shlex.join(command) or "edcurve.report, from Python", "system": system(), **versions()}
    provenance.pop("torch", None)  # nothing here depends on it
    text = page.page(source, curve, rates, measured, gaps, certificates, provenance)
    if out is None:
        return text
    files.write_text(out, text)
    return None
