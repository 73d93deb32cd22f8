"""What the source of a module says, where an import would load TensorFlow."""

import ast
import pkgutil


def parse_source(package: str, module: str) -> ast.Module:
    """Parses a module without importing it.

    Args:
        package: Package that is imported to find the source.
        module: Dotted name of the module, from there on.

    Raises:
        OSError: If there is no such module.
    """
    path = f"{module.replace('.', '/')}.py"
    return ast.parse(pkgutil.get_data(package, path))


def assigned_names(package: str, module: str, variable: str) -> tuple[str, ...]:
    """Returns the names in a dictionary, list or tuple of a module, in order.

    Args:
        package: As `parse_source` takes it, like the module.
        module: The module that assigns the variable, at its top level.
        variable: Name of the variable. Its keys, or its elements, must be
            literal text.

    Raises:
        OSError: If there is no such module.
        ValueError: If the module doesn't assign the variable so.
    """
    for node in parse_source(package, module).body:
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        if [getattr(target, "id", None) for target in targets] == [variable]:
            names = getattr(node.value, "keys", None) or node.value.elts
            return tuple(map(ast.literal_eval, names))
    raise ValueError(
        f"The module must assign {variable}. Received: {package}.{module}"
    )
