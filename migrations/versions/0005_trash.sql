-- Trash, purge and what is remembered of deletions.
SELECT;
