"""Whether what a paper says of two numbers is true of ours."""


def claim(text: str, lower: float | None, higher: float | None) -> str:
    """Returns a sentence that says whether `higher` is above `lower`.

    Args:
        text: What the paper says.
        lower: Fraction that should be smaller; `None` if not measured.
        higher: Fraction that should be larger; likewise.
    """
    if lower is None or higher is None:
        return f"{text}: not measured."
    verdict = "holds" if higher > lower else "**does not hold**"
    return f"{text}: {verdict} ({higher:.1%} against {lower:.1%})."
