-- The timeline's layout and its nightly recount.
SELECT;
