"""Three meshes, turned, before grey backgrounds, as of "Mind's Eye".

    python -m zoo.training.datasets.rendered_objects.contact_sheet sheet.png

draws some of each class.
"""
