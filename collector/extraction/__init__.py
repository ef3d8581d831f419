"""Extraction: from the bytes of answers to listings, and to issues for what could not be taken at its word. Pure."""
