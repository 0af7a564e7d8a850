"""Formulas as MathML, made when the site is built: browsers render it without scripts or a network."""

import re

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)
# bars of a norm that do not stretch, because browsers stretch only the left one
NORM = '<mo stretchy="false" fence="true">‖</mo>'


def converted(node: nodes.Element, *, block: bool) -> str:
    """MathML of the formula in a node; invalid formulas cause a warning and are shown as source."""
    try:
        formula = latex2mathml.tex2mathml(node.astext(), as_block=block)
        return re.sub(r"<mo[^>]*>‖</mo>", NORM, formula)
    except MathError as error:
        logger.warning("formula: %s in %r", error, node.astext(), location=node)
        return f"<code>{nodes.unescape(node.astext())}</code>"


def inline(self: HTML5Translator, node: nodes.math) -> None:
    """A formula in a line."""
    self.body.append(converted(node, block=False))
    raise nodes.SkipNode


def displayed(self: HTML5Translator, node: nodes.math_block) -> None:
    """A formula on its own line."""
    self.body.append(f'<div class="math">{converted(node, block=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (inline, None), (displayed, None))
