"""Transports: in process to an ASGI application, and over the network to a cluster."""
