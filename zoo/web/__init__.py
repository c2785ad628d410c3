"""The page to try a model with: static files over the service's own endpoints, and the sample of the model."""

from zoo.web.opening import open_browser
from zoo.web.page import add_page

__all__ = ["add_page", "open_browser"]
