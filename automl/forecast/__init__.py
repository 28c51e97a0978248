"""Forecasting: series on a regular axis of time, small models of their own, chosen by what they would have forecast."""
