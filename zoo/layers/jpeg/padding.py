"""Padding by repetition, for sizes known or not."""

from keras import ops


def up_to_multiple(size, factor: int):
    """Returns the least multiple of `factor` that is not below `size`."""
    return -(-size // factor) * factor


def extend(tensor, axis: int, size, *, before: bool = False):
    """Repeats the last entries of an axis up to `size`.

    Args:
        tensor: Of any rank.
        axis: Which axis.
        size: Entries from the first old one on; no fewer than there are.
        before: Whether to repeat the first entries once, too.
    """
    shape = list(ops.shape(tensor))
    missing = size - shape[axis]
    parts = [tensor]
    if before:
        parts.insert(0, _select(tensor, axis, slice(None, 1)))
    if not isinstance(missing, int) or missing > 0:
        shape[axis] = missing
        last = _select(tensor, axis, slice(-1, None))
        parts.append(ops.broadcast_to(last, shape))
    return ops.concatenate(parts, axis=axis) if parts[1:] else tensor


def crop(tensor, height, width):
    """Keeps the first rows and columns of images."""
    wanted = (height, width)
    if all(isinstance(size, int) for size in wanted):
        if tuple(tensor.shape[1:3]) == wanted:
            return tensor
    return tensor[:, :height, :width]


def _select(tensor, axis, entries):
    index = [slice(None)] * len(tensor.shape)
    index[axis] = entries
    return tensor[tuple(index)]
