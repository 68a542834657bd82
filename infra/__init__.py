"""Settings to declared resources: the components that `__main__.py` puts together."""
