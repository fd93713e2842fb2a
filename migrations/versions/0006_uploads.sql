-- Uploads: quotas, tus and what sessions remember.
SELECT;
