"""The signs of LISA, drawn by code.

    python -m zoo.training.datasets.rendered_signs.contact_sheet sheet.png

draws some of each class.
"""

from zoo.training.datasets.rendered_signs.views import Views
from zoo.training.datasets.rendered_signs.views import views

__all__ = ["Views", "views"]
