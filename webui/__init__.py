"""The pages, the API and the live view."""
