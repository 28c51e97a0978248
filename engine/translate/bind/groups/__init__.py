"""Groups and windows: aggregates, what GROUP BY keeps, frames."""
