"""Asking a live API: what is to be asked (`scopes`), asking and archiving it (`fetching`), a whole sync (`sync`)."""
