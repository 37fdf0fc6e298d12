"""What the textbooks say of each loss, as numbers that autograd can check. No training.

A property is measured at many points as one number - a largest deviation, a smallest gradient - and holds
where that number lies in the range that the sentence allows. Everything is computed in double precision by
the functions that training uses; points are drawn once, from lossbench.seeds.
"""

from lossbench.anatomy.properties import boxes, embeddings, scores, values
from lossbench.anatomy.properties.measure import Found, Property

# Every property that stands in one of these modules, in the order in which it stands there.
PROPERTIES: tuple[Property, ...] = tuple(
    one
    for module in (values, scores, embeddings, boxes)
    for one in vars(module).values()
    if isinstance(one, Property)
)

__all__ = ["PROPERTIES", "Found", "Property"]
