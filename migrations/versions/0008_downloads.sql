-- Downloads of many photos as one archive.
--
-- What was chosen is frozen when the archive is ordered, so that any range of it gives the same bytes whenever it is
-- asked for, until it expires: names, order, sizes and times are these rows, contents follow from the checksums.

-- CRC-32 of the bytes, which an archive has to tell; known once they were read whole and proven equal to the checksum.
ALTER TABLE originals ADD COLUMN crc32 bigint CHECK (crc32 BETWEEN 0 AND 4294967295);

CREATE TABLE downloads (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    -- How the bytes follow from these rows; a version that does it otherwise does not go on with older archives.
    format smallint NOT NULL,
    filename text NOT NULL,
    size_bytes bigint NOT NULL CHECK (size_bytes > 0),
    -- Files of photos in it; the manifest is one more.
    count integer NOT NULL CHECK (count >= 0),
    directory_offset bigint NOT NULL CHECK (directory_offset > 0),
    manifest_bytes bigint NOT NULL CHECK (manifest_bytes > 0),
    manifest_crc32 bigint NOT NULL CHECK (manifest_crc32 BETWEEN 0 AND 4294967295),
    -- SHA-256 of format and manifest: the archive's entity tag.
    tag bytea NOT NULL CHECK (length(tag) = 32),
    -- The end of the manifest: what was chosen and is not in it.
    missing text NOT NULL,
    -- All items are there; false while they are being written, and for ever if that broke off.
    is_complete boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    UNIQUE (id, owner_id)
);
-- How much an owner has ordered: POST /api/downloads.
CREATE INDEX downloads_owner ON downloads (owner_id, expires_at);
CREATE INDEX downloads_expiry ON downloads (expires_at);
CALL guard('downloads', 'owner_id');

CREATE TABLE download_items (
    download_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    position integer NOT NULL CHECK (position >= 0),
    -- No foreign keys to photo and original: whoever purges a photo does not wait for archives; they break off there.
    photo_id uuid NOT NULL,
    role text NOT NULL,
    checksum bytea NOT NULL CHECK (length(checksum) = 32),
    size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
    name text NOT NULL,
    original_name text NOT NULL,
    taken_local timestamp NOT NULL,
    taken_at timestamptz NOT NULL,
    -- Where its entry begins in the archive, and its record in the archive's directory.
    offset_bytes bigint NOT NULL,
    record_offset bigint NOT NULL,
    PRIMARY KEY (download_id, position),
    FOREIGN KEY (download_id, owner_id) REFERENCES downloads (id, owner_id) ON DELETE CASCADE
);
CALL guard('download_items', 'owner_id');

-- Download: remember checksums' CRC-32, which whoever read the bytes has proven. Answers nothing.
CREATE FUNCTION keep_crcs(p_checksums bytea[], p_crc32s bigint[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
BEGIN
    PERFORM see_all(true);
    UPDATE originals o SET crc32 = n.crc32
    FROM unnest(p_checksums, p_crc32s) AS n (checksum, crc32)
    WHERE o.checksum = n.checksum AND o.crc32 IS NULL;
    PERFORM see_all(false);
END $$;

-- Sweeper: forget archives that can't be asked for any more; answers how many.
CREATE FUNCTION expire_downloads(p_before timestamptz, p_limit integer)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    PERFORM see_all(true);
    DELETE FROM downloads d
    WHERE d.id IN (
        SELECT e.id FROM downloads e WHERE e.expires_at <= p_before ORDER BY e.expires_at LIMIT p_limit
        FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM see_all(false);
    RETURN gone;
END $$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA afterglow FROM PUBLIC;
