"""Photographs that stay photographs, by optimisation: masked styles and a penalty on what is no local change of colours."""
