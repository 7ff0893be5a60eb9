"""MyMONIT: stores a laboratory's measurements and serves them to those who may see them."""

__version__ = "0.1.0"
