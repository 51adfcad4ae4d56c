"""Measurements: speed, memory and quality, against peers and against what the machine could do at best.

python -m benchmarks [TABLE]
"""
