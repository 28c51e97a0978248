"""What may be asked for, by the names that HeatWave has: tasks, algorithms, metrics, options."""
