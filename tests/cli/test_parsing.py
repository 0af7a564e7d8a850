"""Numbers, bases, names and options that are wrong: one message each, and exit code 2."""

import click
import pytest
from click.testing import CliRunner
from edcurve.cli.parsing import Command

NOT_NUMBERS = ("abc", "1+2j", "", "0x10", "1;5", "None", "[0.1]")


@pytest.mark.parametrize("word", NOT_NUMBERS)
def test_what_is_not_a_number(refused, word):
    refused(["entropy", "ramp", word], "DISTORTION", repr(word))
    refused(["entropy", "ramp", "0.1", word], "DISTORTION", repr(word))
    refused(["distortion", "ramp", word], "ENTROPY", repr(word))
    refused(["partition", "ramp", word], "DISTORTION", repr(word))
    refused(["curve", "ramp", f"--dmin={word}"], "--dmin", repr(word))
    refused(["excess", "ramp", f"--distortion={word}", "-H", "1"], "--distortion", repr(word))
    refused(["excess", "ramp", "-D", "0.1", "-H", "1", f"--lmbda={word}"], "--lmbda", repr(word))


@pytest.mark.parametrize(
    ("word", "shown"), [("nan", "nan"), ("-nan", "nan"), ("-0.1", "-0.1"), ("-1e-9", "-1e-09"), ("-inf", "-inf")]
)
def test_numbers_out_of_range(refused, word, shown):
    refused(["entropy", "ramp", word], "distortion must", f"got {shown}")
    refused(["entropy", "ramp", "0.1", word, "--json"], "distortion must", f"got {shown} at index 1")
    refused(["distortion", "circle", word], "entropy must", f"got {shown}")
    refused(["partition", "circle", word], "distortion must", f"got {shown}")
    refused(["excess", "ramp", "-D", word, "-H", "1"], "distortion must", f"got {shown}")
    refused(["excess", "ramp", "-D", "0.1", "-H", word], "entropy must", f"got {shown}")
    refused(["excess", "ramp", "-D", "0.1", "-H", "1", "--lmbda", word], "lmbda must", f"got {shown}")
    refused(["curve", "ramp", "--dmin", word], "--dmin", f"got {shown}")
    refused(["curve", "ramp", "--dmax", word], "--dmax", f"and {shown}")


def test_numbers_that_must_be_finite_or_above_0(refused):
    refused(["excess", "ramp", "-D", "inf", "-H", "1"], "distortion must", "got inf")
    refused(["excess", "ramp", "-D", "0.1", "-H", "inf"], "entropy must", "got inf")
    refused(["partition", "ramp", "0"], "distortion must be above 0", "got 0.0")


@pytest.mark.parametrize("source", ["foo", "", "Ramp", "ramp ", "power", "power:", "power:x", "power:1,5", "-1"])
def test_unknown_sources(refused, source):
    commands = (["entropy", source, "0.1"], ["distortion", source, "1"], ["partition", source, "0.1"])
    for arguments in (*commands, ["curve", source], ["excess", source, "-D", "1", "-H", "1"]):
        refused(arguments, "source must be", f"{source!r}", "power:")


@pytest.mark.parametrize("a", ["0", "-1", "2.5", "inf", "nan"])
def test_exponents_out_of_range(refused, a):
    refused(["entropy", f"power:{a}", "0.1"], "source must be power:a with 0 < a ≤ 2", f"'power:{a}'")


@pytest.mark.parametrize("command", [["entropy", "ramp", "0.1"], ["curve", "ramp"], ["figures"]], ids=lambda c: c[0])
@pytest.mark.parametrize(
    ("base", "shown"),
    [("0", "0.0"), ("1", "1.0"), ("0.5", "0.5"), ("-2", "-2.0"), ("nan", "nan"), ("inf", "inf"), ("-inf", "-inf")],
)
def test_bases_out_of_range(refused, command, base, shown):
    refused([*command, "--base", base], "base must be", f"got {shown}")


@pytest.mark.parametrize("base", ["abc", "E", "", "1+2j"])
def test_bases_that_are_not_numbers(refused, base):
    refused(["entropy", "ramp", "0.1", "--base", base], "--base", repr(base))


def test_missing_and_superfluous_arguments(refused):
    refused(["entropy", "ramp"], "DISTORTION")
    refused(["partition", "ramp", "0.1", "0.2"], "0.2")
    refused(["curve"], "SOURCE")
    refused(["lagrangian", "ramp"], "give λ either as LMBDA or by --lmbda")
    refused(["lagrangian", "ramp", "4", "--lmbda", "4"], "give λ either as LMBDA or by --lmbda")
    refused(["lagrangian", "ramp", "--lmbda", "4;5"], "--lmbda must be numbers separated by commas, got '4;5'")
    refused(["frobnicate"], "frobnicate")
    refused(["figures", "--num", "3"], "--num")


@pytest.mark.parametrize(
    ("arguments", "option", "near"),
    [
        (("curve", "ramp", "--nmu", "3"), "--nmu", "--num"),
        (("curve", "ramp", "--nmu=3"), "--nmu", "--num"),
        (("curve", "circle", "--points", "20"), "--points", "--num"),
        (("curve", "--ramp"), "--ramp", None),
        (("curve", "ramp", "-D", "1"), "-D", None),
        (("entropy", "ramp", "0.1", "--bse", "3"), "--bse", "--base"),
        (("entropy", "ramp", "--jsno", "0.1"), "--jsno", "--json"),
        (("entropy", "ramp", "-x"), "-x", None),
        (("entropy", "--ramp", "0.1"), "--ramp", None),
        (("lagrangian", "circle", "--lambda", "4,32"), "--lambda", "--lmbda"),
        (("excess", "circle", "-D", "0.2", "-H", "3", "--lambda", "4"), "--lambda", "--lmbda"),
        (("segment", "x.npy", "--lambda", "4"), "--lambda", "--lmbda"),
        (("partition", "circle", "0.1", "--bass"), "--bass", None),
        (("report", "circle", "--outt", "x.html"), "--outt", "--out"),
    ],
)
def test_unknown_options(refused, arguments, option, near):
    message = refused(arguments)
    assert message == f"Error: No such option: {option}{f', did you mean {near}?' if near else ''}"


def test_negative_numbers_are_arguments(refused):
    for word in ("-1", "-.5", "-1e-3", "-inf"):
        refused(["entropy", "circle", word], "distortion must be at least 0, got -")
    for word in ("-0.5,3", "3,-0.5"):
        refused(["lagrangian", "circle", word], "lmbda must be at least 0 and finite, got -0.5")
    refused(["lagrangian", "circle", "--lmbda", "-1,2"], "lmbda must be at least 0 and finite, got -1")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("cirle", "circle"),
        ("Circle", "circle"),
        (" RAMP ", "ramp"),
        ("sinusiod", "sinusoid"),
        ("powr:1.5", "power:1.5"),
        ("Power:1.5", "power:1.5"),
        ("circle:3", "circle"),
        ("power", "power:a"),
        ("edge", "edge:n"),
        ("zzz", None),
        ("", None),
    ],
)
def test_names_that_are_nearly_right(refused, name, near):
    message = refused(["entropy", name, "0.1"], "one of ramp, circle, sinusoid, sawbridge, ", f"got {name!r}")
    assert message.endswith(f"got {name!r}{f'; did you mean {near!r}?' if near else ''}")


def test_an_option_that_is_counted_may_be_repeated():
    @click.command(cls=Command)
    @click.option("-v", "--verbose", count=True)
    @click.option("--size", type=int)
    def shout(verbose, size):
        click.echo(f"{verbose} {size}")

    assert CliRunner().invoke(shout, ["-vv", "-v", "--size", "1"]).output == "3 1\n"
    assert "--size was given 2 times" in CliRunner().invoke(shout, ["--size", "1", "--size", "2"]).output
