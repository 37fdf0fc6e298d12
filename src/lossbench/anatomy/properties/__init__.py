"""What the textbooks say of each of the nine losses, as numbers that autograd can check. No training.

A property is measured at many points as one number - a largest deviation, a smallest gradient - and holds
where that number lies in the range that the sentence allows. Everything is computed in double precision by
the functions that training uses; points are drawn once, from lossbench.seeds.
"""

from lossbench.anatomy.properties import embeddings, scores, values
from lossbench.anatomy.properties.measure import Found, Property

PROPERTIES: tuple[Property, ...] = (*values.PROPERTIES, *scores.PROPERTIES, *embeddings.PROPERTIES)

__all__ = ["PROPERTIES", "Found", "Property"]
