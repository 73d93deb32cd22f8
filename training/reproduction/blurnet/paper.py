"""The numbers that the BlurNet paper prints, as fractions, and its rows."""

BASELINE = "lisa_cnn"

BLACK_BOX = {
    "lisa_cnn": ("Baseline", 1.0, 0.9),
    "blurnet_fixed.input_3x3": ("Input filter 3×3", 1.0, 0.875),
    "blurnet_fixed.input_5x5": ("Input filter 5×5", 1.0, 0.675),
    "blurnet_fixed.maps_3x3": ("3×3 filter on L1 feature maps", 1.0, 0.65),
    "blurnet_fixed.maps_5x5": ("5×5 filter on L1 feature maps", 0.875, 0.175),
}
"""Table 1: by our preset, the paper's row, accuracy and attack success."""

WHITE_BOX = {
    "lisa_cnn": ("Baseline", 0.91, 0.4918, 0.9, 0.207),
    "blurnet_dw3": ("3×3 conv, 1e-5", 0.863, 0.3, 0.55, 0.201),
    "blurnet_dw5": ("5×5 conv, 0.1", 0.863, 0.2411, 0.475, 0.189),
    "blurnet_dw7": ("7×7 conv, 0.1", 0.87, 0.1161, 0.3, 0.203),
    "blurnet_tv": ("TV, 1e-4", 0.856, 0.0792, 0.175, 0.224),
    "blurnet_tv.1e-5": ("TV, 1e-5", 0.823, 0.0847, 0.3, 0.199),
}
"""Table 2: by our preset, the paper's row, legitimate accuracy, average and
worst success over the targets, and L2 dissimilarity."""

BEST_SUCCESS = (0.12, 0.3)
"""About the best average and worst success of table 2: the 7×7 filters'."""
