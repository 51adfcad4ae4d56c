"""Any painting in one pass: a small network predicts the scales and shifts of instance normalisation from the painting."""
