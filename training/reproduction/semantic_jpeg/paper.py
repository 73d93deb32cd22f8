"""What the slides print of the elephant, and the networks that stand in."""

CLASSIFIER = "wrn10_2"
"""Preset that the attacks are made on."""

NETWORK = "msroi_wrn10_2"
"""Preset of the MSROI network."""

ATTACKS = {
    "gradient": "gradient",
    "fgsm": "FGSM",
    "bim": "IGSM",
    "deepfool": "DeepFool",
    "jsma": "JSMA",
    "lbfgs": "L-BFGS",
}
"""The slides' six attacks, by their names here."""

ELEPHANT = {
    "original": ("Indian elephant", 0.997),
    "adversarial": ("guacamole", 0.999),
    "JPEG": ("Indian elephant", 0.211),
    "Aug-MSROI": ("Indian elephant", 0.703),
}
"""What the classifier says of each of the elephant's pictures, and how
surely."""
