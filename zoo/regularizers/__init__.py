"""Penalties on weights and on feature maps."""

from zoo.regularizers.kernel_total_variation import KernelTotalVariation
from zoo.regularizers.l_inf import LInf
from zoo.regularizers.lookup import by_name
from zoo.regularizers.lookup import get
from zoo.regularizers.total_variation import TotalVariation

__all__ = [
    "KernelTotalVariation",
    "LInf",
    "TotalVariation",
    "by_name",
    "get",
]
