"""Pictures made by optimising their pixels."""
