"""Dense prediction: networks with an output for every pixel (depth, scene parsing)."""
