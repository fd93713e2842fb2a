-- The timeline's layout: one byte of aspect ratio for each photo, kept by month; and the version that all of the
-- timeline's answers carry.

-- What versions of this epoch begin at. A restore takes the days back to an earlier version, which then grows again to
-- numbers that clients know with other content; the new epoch it mints lifts them all. 40 bits are for the changes of an
-- epoch, and the whole stays exact in a JavaScript number up to epoch 8192.
CREATE FUNCTION timeline_base() RETURNS bigint
LANGUAGE sql STABLE
RETURN (current_epoch() - 1) * 1099511627776;

-- The byte of a photo in the layout; see docs/formats/timeline-layout.md. `timeline.rules` holds the same function and a
-- test compares them.
CREATE FUNCTION ratio_byte(p_width integer, p_height integer) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN set_byte('\x00'::bytea, 0, CASE
    WHEN p_width IS NULL OR p_height IS NULL THEN 0
    ELSE GREATEST(1, LEAST(255, 128 + round(36 / ln(2::float8) * ln(p_width::float8 / p_height))::integer))
END);

-- GET /api/timeline/layout needs no look at the table: photos of a month lie anywhere in it, and with a million of them
-- looking them up takes ten times as long. Ingest and derive set the shape once, together with the status, which is in
-- an index too.
DROP INDEX photos_timeline;
CREATE INDEX photos_timeline ON photos (owner_id, taken_local DESC, id DESC) INCLUDE (width, height)
    WHERE deleted_at IS NULL AND NOT archived;

-- The bytes of a month's photos in the timeline's order, as they were at a version of the month. Filled when somebody
-- asks for the layout, so that a new photo costs the reading of one month.
CREATE TABLE timeline_ratios (
    owner_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    version bigint NOT NULL,
    ratios bytea NOT NULL,
    PRIMARY KEY (owner_id, month)
);
-- Read whole and often, and one byte for each photo is small as it is.
ALTER TABLE timeline_ratios ALTER COLUMN ratios SET STORAGE EXTERNAL;
CALL guard('timeline_ratios', 'owner_id');

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA afterglow FROM PUBLIC;
