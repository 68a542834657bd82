"""The HTTP layer: connections, routes, inference requests, the OpenAPI document, and the web pages."""
