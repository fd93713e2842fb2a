-- Uploads: quotas, what tus wants remembered, and sessions that another request takes over.

-- ---------------------------------------------------------------------------------------------------------------------
-- What an owner's files take up
-- ---------------------------------------------------------------------------------------------------------------------

-- Sum of the sizes of an owner's files, those in the trash included, kept by the triggers below. What open upload
-- sessions have announced is not in it: whoever opens one holds this row's lock and adds up the few others. There is no
-- CHECK: a sum that is wrong must never keep anybody from deleting.
--
-- Order of locks: days of the timeline first, then this row. A photo is inserted before its file; when it is deleted, the
-- triggers of the foreign key's deletes run after those of the statement itself.
CREATE TABLE owner_usage (
    owner_id uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    used_bytes bigint NOT NULL DEFAULT 0
);
CALL guard('owner_usage', 'owner_id');
INSERT INTO owner_usage (owner_id, used_bytes)
SELECT u.id, (SELECT coalesce(sum(f.size_bytes), 0) FROM photo_files f WHERE f.owner_id = u.id) FROM users u;

-- So that there is a row to lock for whoever opens a session.
CREATE FUNCTION open_owner_usage() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO owner_usage (owner_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER users_usage AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION open_owner_usage();

CREATE FUNCTION count_inserted_files() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO owner_usage AS u (owner_id, used_bytes)
    SELECT owner_id, sum(size_bytes) FROM new_rows GROUP BY owner_id ORDER BY owner_id
    ON CONFLICT (owner_id) DO UPDATE SET used_bytes = u.used_bytes + excluded.used_bytes;
    RETURN NULL;
END $$;
CREATE TRIGGER photo_files_inserted_usage AFTER INSERT ON photo_files
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_inserted_files();

CREATE FUNCTION count_updated_files() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO owner_usage AS u (owner_id, used_bytes)
    SELECT owner_id, sum(bytes)
    FROM (
        SELECT owner_id, size_bytes AS bytes FROM new_rows
        UNION ALL
        SELECT owner_id, -size_bytes FROM old_rows
    ) changed
    GROUP BY owner_id
    HAVING sum(bytes) <> 0
    ORDER BY owner_id
    ON CONFLICT (owner_id) DO UPDATE SET used_bytes = u.used_bytes + excluded.used_bytes;
    RETURN NULL;
END $$;
CREATE TRIGGER photo_files_updated_usage AFTER UPDATE ON photo_files
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_updated_files();

-- An UPDATE: files of an account that is being deleted must not bring its row back.
CREATE FUNCTION count_deleted_files() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM owner_usage u
    WHERE u.owner_id IN (SELECT owner_id FROM old_rows)
    ORDER BY u.owner_id
    FOR UPDATE;
    UPDATE owner_usage u SET used_bytes = u.used_bytes - gone.bytes
    FROM (SELECT owner_id, sum(size_bytes) AS bytes FROM old_rows GROUP BY owner_id) gone
    WHERE u.owner_id = gone.owner_id;
    RETURN NULL;
END $$;
CREATE TRIGGER photo_files_deleted_usage AFTER DELETE ON photo_files
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION count_deleted_files();

-- ---------------------------------------------------------------------------------------------------------------------
-- Upload sessions
-- ---------------------------------------------------------------------------------------------------------------------

ALTER TABLE upload_sessions
    -- When another request wanted to write and could not: a writer to whom nothing comes lets go then.
    ADD COLUMN wanted_at timestamptz,
    -- What a tus client said about the file, as it said it: it is told again.
    ADD COLUMN tus_metadata text CHECK (length(tus_metadata) <= 8192);
-- What an owner's open sessions have announced, and how many they are.
CREATE INDEX upload_sessions_open ON upload_sessions (owner_id) INCLUDE (size_bytes) WHERE state = 'open';

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA afterglow FROM PUBLIC;
