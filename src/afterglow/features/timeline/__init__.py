"""The timeline: months with counts, and the columns of one month."""
