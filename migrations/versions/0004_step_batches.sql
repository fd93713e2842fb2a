-- Steps: claims and ends in batches.
SELECT;
