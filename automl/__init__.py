"""Machine-learning tasks: Arrow and options in, models and Arrow out. Knows no packet and no socket."""
