"""Long jobs: they wait in line, survive a restart or a kill of the site and of its workers, and give one result each.

``store`` knows every job and its state; ``folders`` keeps its files; ``request`` is what was asked for; ``queue`` wakes a
worker; ``worker`` runs jobs, one after another; ``keeper`` brings back jobs whose worker was killed and deletes old ones;
``service`` is what the page and the endpoints call.
"""
