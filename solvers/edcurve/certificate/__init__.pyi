"""The public names, each written once."""

from .certification import Certificate as Certificate
from .certification import Slopes as Slopes
from .certification import Star as Star
from .certification import certify as certify
from .certification import verify_condition as verify_condition
