"""The Gradio app: it builds itself from the registry and from what the methods declare, and names none of them.

``app`` builds the page; ``single``, ``fusion`` and ``any`` are its tabs; ``wall`` and ``blend`` the two controls of our own;
``models`` keeps what is loaded; ``stream`` runs what takes minutes; ``photo`` reads and ``result`` shows and stores pictures.
"""
