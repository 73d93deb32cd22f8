"""Photographs of objects, cut out, over other photographs.

    apt-get install tuxpaint-stamps-default mate-backgrounds \\
        plasma-workspace-wallpapers lomiri-wallpapers-20.04
    pip install foolbox
    python -m zoo.training.datasets.composed_photos.prepare objects

composes the set from what Debian and Foolbox have, all of which stays where it
is installed. The first use of the set composes it, too.
"""
