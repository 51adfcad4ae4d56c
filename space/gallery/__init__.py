"""The gallery: results that their owners share. ``clean`` removes what is private, ``store`` keeps and lists them."""
