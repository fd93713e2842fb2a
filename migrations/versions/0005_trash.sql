-- Trash, purge and what is remembered of deletions.
--
-- A photo in the trash has `deleted_at`; that and nothing else is changed, so that restoring gives it back as it was. A
-- photo that is being purged has `purging_at` too: it is gone for everybody but the purge job. The transaction that sets
-- it also ends the photo's steps, writes its tombstones, and orders what is left to be done in `purges`; so whatever dies
-- afterwards, the order stands and is carried out.

ALTER TABLE photos ADD COLUMN purging_at timestamptz CHECK (purging_at IS NULL OR deleted_at IS NOT NULL);

-- GET /api/trash, and emptying it.
DROP INDEX photos_trash;
CREATE INDEX photos_trash ON photos (owner_id, deleted_at DESC, id DESC)
    WHERE deleted_at IS NOT NULL AND purging_at IS NULL;
-- What has been in the trash for too long, of all owners.
CREATE INDEX photos_trash_age ON photos (deleted_at) WHERE deleted_at IS NOT NULL AND purging_at IS NULL;

-- What is left to be done for a photo that is being purged.
CREATE TABLE purges (
    photo_id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES users,
    -- Of all its files: their originals and sidecars go, unless somebody uses them.
    checksums bytea[] NOT NULL,
    -- When no run can be at its files any more, by the leases of those that were under way; or the next try.
    not_before timestamptz NOT NULL
);
CREATE INDEX purges_due ON purges (not_before, photo_id);
CALL guard('purges', 'owner_id');

-- ---------------------------------------------------------------------------------------------------------------------
-- Tombstones: checksums that an owner purged
-- ---------------------------------------------------------------------------------------------------------------------

ALTER TABLE tombstones
    -- A person wants these bytes again: the next upload is taken, and ends the tombstone.
    ADD COLUMN allowed_at timestamptz,
    ADD COLUMN refused_count bigint NOT NULL DEFAULT 0 CHECK (refused_count >= 0),
    ADD COLUMN last_refused_at timestamptz;
-- GET /api/tombstones.
CREATE INDEX tombstones_newest ON tombstones (owner_id, created_at DESC, checksum DESC);

-- Who tried to bring purged bytes back; the latest sources of each, the sum is the tombstone's.
CREATE TABLE tombstone_refusals (
    owner_id uuid NOT NULL,
    checksum bytea NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    device_id uuid,
    last_at timestamptz NOT NULL,
    count bigint NOT NULL CHECK (count > 0),
    FOREIGN KEY (owner_id, checksum) REFERENCES tombstones (owner_id, checksum) ON DELETE CASCADE
);
CREATE UNIQUE INDEX tombstone_refusals_source ON tombstone_refusals (owner_id, checksum, kind, name, device_id)
    NULLS NOT DISTINCT;
CALL guard('tombstone_refusals', 'owner_id');

-- ---------------------------------------------------------------------------------------------------------------------
-- The feed: a photo ends for its readers when its purge begins
-- ---------------------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION record_photo_changes() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO changes (owner_id, type, entity_id, data)
    SELECT owner_id, CASE WHEN purging_at IS NULL THEN 'photo' ELSE 'tombstone' END, id,
           CASE WHEN purging_at IS NOT NULL
                THEN jsonb_build_object('type', 'photo', 'id', id, 'reason', 'purged') END
    FROM new_rows;
    RETURN NULL;
END $$;

-- That its row goes later is no news.
CREATE OR REPLACE FUNCTION record_photo_tombstones() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO changes (owner_id, type, entity_id, data)
    SELECT owner_id, 'tombstone', id, jsonb_build_object('type', 'photo', 'id', id, 'reason', 'deleted')
    FROM old_rows WHERE purging_at IS NULL;
    RETURN NULL;
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Reviewed functions that see across owners (see the foundation)
-- ---------------------------------------------------------------------------------------------------------------------

-- Retention: photos that have been in the trash since before a moment, oldest deletion first.
CREATE FUNCTION expired_trash(p_before timestamptz, p_limit integer)
RETURNS TABLE (owner_id uuid, photo_id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM see_all(true);
    RETURN QUERY
    SELECT p.owner_id, p.id FROM photos p
    WHERE p.deleted_at IS NOT NULL AND p.purging_at IS NULL AND p.deleted_at < p_before
    ORDER BY p.deleted_at LIMIT p_limit;
    PERFORM see_all(false);
END $$;

-- Purge: orders that are due, oldest first.
CREATE FUNCTION due_purges(p_limit integer)
RETURNS TABLE (owner_id uuid, photo_id uuid, checksums bytea[])
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    PERFORM see_all(true);
    RETURN QUERY
    SELECT o.owner_id, o.photo_id, o.checksums FROM purges o
    WHERE o.not_before <= moment
    ORDER BY o.not_before, o.photo_id LIMIT p_limit;
    PERFORM see_all(false);
END $$;

-- Purge: forget that an original lies in a store, unless a file of anybody is made of it; answers whether the store's
-- object may go. The caller holds the checksum's lock until it is gone: nobody else can begin to use it meanwhile.
CREATE FUNCTION forget_original(p_checksum bytea, p_store text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
DECLARE
    is_used boolean;
BEGIN
    PERFORM see_all(true);
    is_used := EXISTS (SELECT FROM photo_files f WHERE f.checksum = p_checksum);
    IF NOT is_used THEN
        DELETE FROM original_locations l WHERE l.checksum = p_checksum AND l.store = p_store;
        DELETE FROM originals o
        WHERE o.checksum = p_checksum
          AND NOT EXISTS (SELECT FROM original_locations l WHERE l.checksum = p_checksum);
    END IF;
    PERFORM see_all(false);
    RETURN NOT is_used;
END $$;

-- Ingest: the object in a store was read back and is not what it was. Answers nothing; the caller holds the bytes.
CREATE FUNCTION doubt_original(p_checksum bytea, p_store text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
BEGIN
    PERFORM see_all(true);
    UPDATE original_locations SET state = 'corrupt', verified_at = now()
    WHERE checksum = p_checksum AND store = p_store;
    PERFORM see_all(false);
END $$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA afterglow FROM PUBLIC;
