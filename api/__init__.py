"""The web service over the services of ``geo``: :func:`api.app.create_app`; and the command line."""
