"""The numbers that the IRM paper prints, as fractions."""

SCALES = (32, 64, 128)
"""Side lengths in pixels."""

CLEAN = (
    (0.90, 0.6909, 0.2454),
    (0.3636, 0.9227, 0.7545),
    (0.2763, 0.5945, 0.9532),
)
"""Table 1. Its head calls rows the test scale and columns the training one;
figure 7 draws the same layout of numbers with rows as the training scale."""

FGSM = (
    (0.89, 0.6309, 0.1764),
    (0.2643, 0.8227, 0.6835),
    (0.2163, 0.4845, 0.7543),
)
"""Table 2, laid out as table 1; figure 7 names its rows training scales."""

FGSM_SPP = (0.8450, 0.8143, 0.7065)
"""Figure 7: the network of many scales, at each."""

ABLATION = {
    "wrn16_2": ("WRN", 0.603, 7.9),
    "ddn_wrn16_2": ("+ DDN", 0.838, 15.8),
    "jpeg_ddn_wrn16_2": ("+ DDN, JPEG", 0.859, 16.2),
    "spp_ddn_wrn16_2": ("+ DDN, SPP", 0.916, 18.4),
    "irm_wrn16_2": ("+ DDN, JPEG, SPP: IRM", 0.925, 18.5),
    "irm_wrn16_2.tricks": ("IRM + tricks", 0.940, 19.2),
}
"""Table 4: by our preset, the paper's row, accuracy and score under FGSM."""

CLEAN_ABLATION = {"wrn16_2": 0.9532, "irm_wrn16_2.tricks": 0.948}
"""Section III: clean accuracy of the basic classifier and the final one."""

MILLISECONDS = {"irm": 14, "ensemble": 30}
"""Section V: one image of 299x299."""
