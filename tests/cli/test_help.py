"""`edcurve --help`, word for word: what users see first, and other programs may read."""

import os
import subprocess
import sys

HELP = """\
Usage: edcurve [OPTIONS] COMMAND [ARGS]...

  Optimal entropy-distortion trade-offs of sources on one-parameter manifolds.

  SOURCE is ramp, circle, sinusoid, sawbridge, uniform, square, triangle,
  power:a (0 < a ≤ 2), pulse:w (0 < w < 1) or edge:n (n harmonics); `edcurve
  sources` lists them. Distortions are squared errors: sums over coordinates,
  or means over t for functions.

Options:
  --version   Show the version, and those of what results depend on.
  -h, --help  Show this message and exit.

Commands:
  baseline         Measure compressors that are not neural, for comparison.
  bound            What is known of E(D) at each DISTORTION, of any...
  certify          Enclose E(D) at each DISTORTION rigorously, and say...
  curve            E(D) with its bounds and its convex hull.
  decode           Reconstruct what was compressed into a file.
  distortion       The least distortion at each ENTROPY: the inverse of...
  ecvq             A code of low H + λD of the vectors in a FILE (.npy,...
  encode           Compress realizations to a file by a trained compressor.
  entropy          E(D): the least entropy at each DISTORTION; SOURCE may...
  excess           How far measured compressors are above the optimum.
  figures          Draw the optimal trade-offs of the ramp and the...
  gap              Draw measured compressors against E(D), with their gaps.
  lagrangian       The least H + λD at each LMBDA, and the cells that...
  mean-excess      Mean excess of codecs, each with several points, over...
  measure          Entropy and distortion of a quantiser of unit vectors,...
  partition        The optimal cells at a DISTORTION: count of one size,...
  rate-distortion  Bounds on Shannon's R(D) of the vectors in a FILE...
  report           Write one HTML file about a source: interactive curve,...
  runs             List the trained compressors of a store.
  segment          The best partition of the points in a FILE (.npy,...
  sources          List the built-in sources.
  sweep            Train many neural compressors into a store.
  train            Train one neural compressor, and measure it.
"""


def test_the_list_of_commands():
    done = subprocess.run(
        [sys.executable, "-m", "edcurve", "--help"],
        env={**os.environ, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.decode().splitlines() == HELP.splitlines()
    assert done.stderr == b""
