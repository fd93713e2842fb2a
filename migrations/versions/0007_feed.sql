-- The feed.
SELECT;
