-- Downloads of many photos as one archive.
SELECT;
