"""Learns to lift 2D human keypoints to 3D without any 3D annotation."""

__version__ = "0.1.0"
