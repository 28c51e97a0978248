"""A model that is nothing but weighted sums of numbers, so that another program can add it up to the same last digit.

Each sum is that of `automl.learners.summing`: begun with the base, the columns one after the other, each product
rounded by itself. A gap (NULL, NaN, what is infinite) gives a number of its own in the place of a product; what is
larger than LARGEST counts as LARGEST. The sums are weighted and added as in `automl.learners.blend`, then scaled and
moved.
"""

from dataclasses import dataclass

from automl.learners.linear import Linear
from automl.supervised.model import Supervised
from automl.table.columns import LARGEST
from automl.table.roles import Number

_MOST_TERMS = 200  # the sums nest as deep
_MOST = 1e300  # of what a sum may come to, far from where doubles end


@dataclass(frozen=True, slots=True)
class Sum:
    """`weights` times the numbers of a formula's columns, or `gaps`, upon `base`."""

    weights: tuple[float, ...]
    gaps: tuple[float, ...]
    base: float


@dataclass(frozen=True, slots=True)
class Formula:
    """The sums, each times its share (one with a share of 1 is itself), and all of it times `scale` plus `center`."""

    columns: tuple[str, ...]
    sums: tuple[Sum, ...]
    shares: tuple[float, ...]
    scale: float
    center: float


def formula_of(model: object) -> Formula | None:
    """Give a fitted model as a formula whose value is always finite; None for what is more than that."""
    if not isinstance(model, Supervised) or model.labels is not None:
        return None
    blend, roles = model.blend, model.encoder.roles
    sums = [_sum_of(member) for member in blend.members if isinstance(member, Linear)]
    known = tuple(each for each in sums if each is not None)
    if len(known) < len(blend.members) or not all(isinstance(role, Number) for role in roles):
        return None
    found = Formula(tuple(role.column for role in roles), known, blend.weights, model.scale, model.center)
    return found if len(known) * len(roles) <= _MOST_TERMS and _reach(found) < _MOST else None


def _sum_of(member: Linear) -> Sum | None:
    """Give a linear model whose features are all numbers, in their order; None for another one."""
    if (
        len(member.layout.categories)
        or member.outputs != 1
        or list(member.layout.numbers) != [*range(len(member.gaps))]
    ):
        return None
    weights, gaps = (tuple(float(each) for each in values[:, 0]) for values in (member.weights, member.gaps))
    return Sum(weights, gaps, float(member.base[0]))


def _reach(formula: Formula) -> float:
    """Give what no step of the sums is beyond; NaN or infinite when that is not known."""
    total = 0.0
    for each, share in zip(formula.sums, formula.shares, strict=True):
        products = (max(abs(w) * LARGEST, abs(gap)) for w, gap in zip(each.weights, each.gaps, strict=True))
        reach = abs(each.base) + sum(products)
        total += reach + reach * abs(share)
    return total + total * abs(formula.scale) + abs(formula.center)
