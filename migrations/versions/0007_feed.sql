-- The feed: which epoch it is in, and how far back it goes.

-- What this database is: another one after a restore from a dump (the cluster, the database or the table is a new one),
-- after the promotion of a standby and after recovery to a point in time (both begin a new timeline of the write-ahead
-- log). The same after a crash. The oid is looked up when it is asked for: a constant would be restored with the dump.
CREATE FUNCTION database_identity() RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    cluster text;
    wal_timeline text;
BEGIN
    -- A server that is somebody's service may keep these to itself; then it is known by the rest.
    BEGIN
        cluster := (SELECT system_identifier FROM pg_control_system());
        wal_timeline := substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8);
    EXCEPTION WHEN insufficient_privilege OR feature_not_supported THEN
    END;
    RETURN concat_ws('/', cluster, wal_timeline,
        (SELECT oid FROM pg_database WHERE datname = current_database()), to_regclass('afterglow.changes')::oid);
END $$;

-- The database in which an epoch was minted; unknown for those of before this version.
ALTER TABLE feed_epochs ADD COLUMN identity text;
UPDATE feed_epochs SET identity = database_identity() WHERE epoch = current_epoch();

-- Up to where an owner's changes have been pruned; a reader who is not as far has missed some.
CREATE TABLE feed_floors (
    owner_id uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    epoch bigint NOT NULL,
    xid xid8 NOT NULL,
    seq bigint NOT NULL
);
CALL guard('feed_floors', 'owner_id');

-- GET /api/feed, first of all: a walk over all photos of an owner, whatever their state.
CREATE INDEX photos_walk ON photos (owner_id, id);

-- ---------------------------------------------------------------------------------------------------------------------
-- Reviewed functions that do what the app role may not (see the foundation)
-- ---------------------------------------------------------------------------------------------------------------------

-- Begin a new epoch: every reader starts anew. All writers that have recorded changes are waited for, so that none of
-- the old epoch is committed after somebody has begun to read in the new one; those that come next see the new one.
CREATE FUNCTION mint_epoch(p_reason text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
DECLARE
    minted bigint;
BEGIN
    LOCK TABLE changes IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO feed_epochs (reason, identity) VALUES (p_reason, database_identity()) RETURNING epoch INTO minted;
    RETURN minted;
END $$;

-- Mint an epoch if this is not the database in which the current one was minted; answers the new one, if any.
CREATE FUNCTION ensure_epoch() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM feed_epochs WHERE epoch = current_epoch() AND identity = database_identity()) THEN
        RETURN NULL;
    END IF;
    LOCK TABLE changes IN SHARE ROW EXCLUSIVE MODE;
    -- Somebody else may have done it meanwhile.
    IF EXISTS (SELECT FROM feed_epochs WHERE epoch = current_epoch() AND identity = database_identity()) THEN
        RETURN NULL;
    END IF;
    RETURN mint_epoch('restored');
END $$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA afterglow FROM PUBLIC;
