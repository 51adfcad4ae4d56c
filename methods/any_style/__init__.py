"""Any painting in one pass, by a network whose normalisations take their scales and shifts from the painting."""
