"""`python -m edcurve` is the command edcurve."""

from .cli import main

if __name__ == "__main__":
    main(prog_name="edcurve")
