"""Classification and regression: trained, explained, and as a formula."""
