"""A software team that lives in crontab."""

import gc

# A script lives for a second and makes hardly any cycles; looking for them while its modules load
# was a twentieth of its CPU.
gc.set_threshold(100_000)
