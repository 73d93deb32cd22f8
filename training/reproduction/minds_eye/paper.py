"""The numbers that "The Artificial Mind's Eye" prints, as fractions."""

DIRECT = "minds_eye_direct"
POSE = "minds_eye_pose"
TRIPLE = "minds_eye_triple"
"""The presets that stand for the paper's networks."""

TITLES = {
    DIRECT: "Direct classification",
    POSE: "Direct classification + parameter estimation",
    TRIPLE: "Triple-staged",
}

THRESHOLDS = (0.2, 0.45, 0.7)
"""Capital theta."""

ERRORS = {
    (DIRECT, None): 0.0001,
    (POSE, None): 0.0001,
    (TRIPLE, 0.2): 0.0134,
    (TRIPLE, 0.45): 0.0057,
    (TRIPLE, 0.7): 0.0309,
}
"""Table 1, by preset and threshold: error rate on clean images."""

LEFT_OUT = {
    (DIRECT, None): 0.0,
    (POSE, None): 0.0001,
    (TRIPLE, 0.2): 0.0017,
    (TRIPLE, 0.45): 0.0077,
    (TRIPLE, 0.7): 0.0412,
}
"""Figure 6: share of images that were misclassified in the first place."""

WHISKERS = (2, 98)
"""Percentiles of figures 4 and 6."""

DIRECT_DISTORTION = 0.1
"""Section 4: the direct networks' median distortion in figure 4 is below."""
