"""Prices, stock and names of widgets."""
