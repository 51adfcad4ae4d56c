"""The site around the app: settings, the data folder, workers, and what visitors can ask for.

``settings`` are declared once; ``place`` is the data folder, with ``database`` and ``folders``; ``visitors`` tells them
apart; ``running`` starts workers; ``endpoints`` are the API; ``panels`` is what the page shows of it.
"""
