"""``depth-adain``: adaptive instance normalisation whose strength is the depth of the photo."""
