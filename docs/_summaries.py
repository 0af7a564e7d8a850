"""Tables of functions with whole summaries: the first paragraph of a docstring, not only up to its first dot."""

import _pages
from sphinx.application import Sphinx
from sphinx.ext.autosummary import Autosummary, import_by_name


class Summaries(Autosummary):
    """`autosummary`, which would end "Agustsson & Theis (2020), Eq. (3)." at "Eq."."""

    def get_items(self, names: list[str]) -> list[tuple[str, str | None, str, str]]:
        """Names, signatures, summaries and full names."""
        return [
            (name, signature, _pages.summary(import_by_name(full)[1]), full)
            for name, signature, _, full in super().get_items(names)
        ]


def setup(app: Sphinx) -> None:
    """Replace the directive `autosummary`."""
    app.setup_extension("sphinx.ext.autosummary")
    app.add_directive("autosummary", Summaries, override=True)
