"""Recommendation: factors of users and items from what users thought of items, or from what they took."""
