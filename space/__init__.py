"""The Gradio app, built from the registry and the declared parameters, without the name of any method.

``app`` builds the page; ``single``, ``fusion``, ``any``, ``depth`` and ``realistic`` are its tabs; ``style_gallery`` and
``blend`` are our own controls; ``models`` keeps loaded models; ``stream`` runs long work; ``photo`` reads pictures and
``result`` shows and stores them.
"""
