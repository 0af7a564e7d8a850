"""Ball arithmetic behind `edcurve.certificate`; needs python-flint (the extra ``certificate``)."""
