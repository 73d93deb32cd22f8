"""Whether what a paper says of two numbers is true of ours."""


def claim(
    text: str,
    lower: float | None,
    higher: float | None,
    *,
    images: int | None = None,
) -> str:
    """Returns a sentence that says whether `higher` is above `lower`.

    Args:
        text: What the paper says.
        lower: Fraction that should be smaller; `None` if not measured.
        higher: Fraction that should be larger; likewise.
        images: How many images both are fractions of. Then a difference
            within 1.96 of its standard errors, those of two independent
            samples, decides nothing; on the same images that is cautious.
    """
    if lower is None or higher is None:
        return f"{text}: not measured."
    verdict = "holds" if higher > lower else "**does not hold**"
    if images is not None:
        spread = lower * (1 - lower) + higher * (1 - higher)
        if abs(higher - lower) <= 1.96 * (spread / images) ** 0.5:
            verdict = "**undecided**, within chance"
    return f"{text}: {verdict} ({higher:.1%} against {lower:.1%})."
