"""Recipes and their stages, by name."""

import pytest

from zoo.training.recipes import registry


@pytest.mark.parametrize("name", registry.NAMES)
def test_stages_are_the_recipes_own(name):
    assert registry.stages(name) == tuple(registry.find(name).STAGES)


@pytest.mark.parametrize("look_up", [registry.find, registry.stages])
def test_unknown_recipes_are_refused(look_up):
    with pytest.raises(ValueError, match="mean 'fashion_mnist'.*Received"):
        look_up("fashion_mnits")
