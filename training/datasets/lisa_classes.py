"""The signs of LISA that its classifiers know."""

LISA_CLASSES = (
    "addedLane",
    "keepRight",
    "laneEnds",
    "merge",
    "pedestrianCrossing",
    "school",
    "schoolSpeedLimit25",
    "signalAhead",
    "speedLimit25",
    "speedLimit30",
    "speedLimit35",
    "speedLimit45",
    "speedLimitUrdbl",
    "stop",
    "stopAhead",
    "turnRight",
    "yield",
)
"""The 17 classes of Eykholt et al., 2018, LISA's tags in their order.

`speedLimitUrdbl` is a speed limit that cannot be read. The authors' network
has 18 outputs: it counts from 1, and output 0 stands for nothing. Here the
first class is 0.
"""
