-- The foundation: roles' rights, row-level security, accounts, originals, photos, steps, changes, timeline, uploads.
--
-- Every table with an owner is put behind `guard(table, column)`: row-level security with one policy, the owner's rows.
-- States and kinds are text with CHECK: an enum's `=` is not leakproof and would lose its index under a policy.
-- Runs as the owner role, in schema `afterglow` (search_path is set by the migration environment).

-- ---------------------------------------------------------------------------------------------------------------------
-- Fences
-- ---------------------------------------------------------------------------------------------------------------------

-- Owners whose rows this transaction may see. The setting reads '' after its first transaction, hence NULLIF.
CREATE FUNCTION visible_owners() RETURNS uuid[]
LANGUAGE sql STABLE PARALLEL SAFE
RETURN NULLIF(current_setting('afterglow.owners', true), '')::uuid[];

-- Put a table behind row-level security: its rows are visible and writable to transactions of their owner alone.
CREATE PROCEDURE guard(p_table regclass, p_column name)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', p_table);
    EXECUTE format(
        'CREATE POLICY owner_rows ON %s USING (%I = ANY ((SELECT visible_owners())::uuid[]))', p_table, p_column);
END $$;

-- With one role for everything (an external database with a single account) the policies are forced on the tables'
-- owner too, and the reviewed SECURITY DEFINER functions get through by a setting that only they make (`see_all`).
-- Called after every upgrade, for new tables, and because a node may change from one role to two or back.
CREATE PROCEDURE fence(p_single_role boolean)
LANGUAGE plpgsql AS $$
DECLARE
    guarded regclass;
BEGIN
    FOR guarded IN
        SELECT c.oid FROM pg_class c
        WHERE c.relnamespace = 'afterglow'::regnamespace AND c.relrowsecurity AND c.relforcerowsecurity <> p_single_role
    LOOP
        IF p_single_role THEN
            EXECUTE format(
                $policy$CREATE POLICY definer_rows ON %s
                        USING (current_setting('afterglow.definer', true) = 'on')$policy$,
                guarded);
            EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', guarded);
        ELSE
            EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', guarded);
            EXECUTE format('DROP POLICY definer_rows ON %s', guarded);
        END IF;
    END LOOP;
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- The server and its accounts
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE server (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    id uuid NOT NULL,
    name text NOT NULL DEFAULT 'Afterglow',
    claim_code_hash bytea,
    claimed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
    id uuid PRIMARY KEY,
    email text NOT NULL CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    password_hash text,
    role text NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
    quota_bytes bigint CHECK (quota_bytes >= 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    disabled_at timestamptz
);
CREATE UNIQUE INDEX users_email ON users (email);
CREATE UNIQUE INDEX users_one_owner ON users (role) WHERE role = 'owner';
CALL guard('users', 'id');

CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    user_agent text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_reason text
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);
CALL guard('sessions', 'user_id');

CREATE TABLE refresh_tokens (
    token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    issued_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);
CALL guard('refresh_tokens', 'user_id');

-- ---------------------------------------------------------------------------------------------------------------------
-- Originals: shared on disk; everything else is per owner
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE originals (
    checksum bytea PRIMARY KEY CHECK (length(checksum) = 32),
    size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
    sha1 bytea CHECK (length(sha1) = 20),
    created_at timestamptz NOT NULL
);

CREATE TABLE original_locations (
    checksum bytea NOT NULL REFERENCES originals,
    store text NOT NULL,
    key text NOT NULL,
    state text NOT NULL CHECK (state IN ('present', 'missing', 'corrupt')),
    verified_at timestamptz NOT NULL,
    PRIMARY KEY (checksum, store)
);
CREATE INDEX original_locations_key ON original_locations (store, key);

-- ---------------------------------------------------------------------------------------------------------------------
-- Photos
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE photos (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES users,
    status text NOT NULL CHECK (status IN ('UPLOADED', 'INGESTED', 'PROCESSING', 'PROCESSED', 'STORED', 'FAILED')),
    kind text NOT NULL CHECK (kind IN ('photo', 'video')),
    mime text NOT NULL,
    filename text NOT NULL,
    width integer CHECK (width > 0),
    height integer CHECK (height > 0),
    orientation smallint NOT NULL DEFAULT 1 CHECK (orientation BETWEEN 1 AND 8),
    duration_ms bigint CHECK (duration_ms >= 0),
    -- What the clock on the wall said; the timeline's order. taken_at is its UTC moment, by the zone in offset_minutes
    -- or, where that is null, by an assumed one.
    taken_local timestamp NOT NULL,
    taken_at timestamptz NOT NULL,
    offset_minutes smallint CHECK (offset_minutes BETWEEN -1080 AND 1080),
    taken_source text NOT NULL CHECK (taken_source IN ('exif', 'xmp', 'sidecar', 'container', 'filename', 'mtime', 'upload')),
    latitude double precision CHECK (latitude BETWEEN -90 AND 90),
    longitude double precision CHECK (longitude BETWEEN -180 AND 180),
    altitude_m double precision,
    camera_make text,
    camera_model text,
    lens text,
    iso integer,
    aperture double precision,
    exposure_s double precision,
    focal_length_mm double precision,
    placeholder bytea,
    perceptual_hash bytea CHECK (length(perceptual_hash) = 8),
    derive_version integer NOT NULL DEFAULT 0,
    damaged text,
    favorite boolean NOT NULL DEFAULT false,
    archived boolean NOT NULL DEFAULT false,
    sensitive boolean NOT NULL DEFAULT false,
    category text,
    is_primary boolean NOT NULL DEFAULT false,
    rating smallint CHECK (rating BETWEEN 0 AND 5),
    description text NOT NULL DEFAULT '',
    tags text[] NOT NULL DEFAULT '{}',
    organization_status text NOT NULL DEFAULT 'unorganized'
        CHECK (organization_status IN ('unorganized', 'organized', 'ignored')),
    organized_at timestamptz,
    stack_id uuid,
    library_id uuid,
    deleted_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (id, owner_id)
);
-- The timeline, its months and the photo list's default: GET /api/timeline/{month}, GET /api/photos.
CREATE INDEX photos_timeline ON photos (owner_id, taken_local DESC, id DESC) WHERE deleted_at IS NULL AND NOT archived;
-- GET /api/photos?archived=true, ?favorite=true, ?status=FAILED, ?kind=video.
CREATE INDEX photos_archived ON photos (owner_id, taken_local DESC, id DESC) WHERE deleted_at IS NULL AND archived;
CREATE INDEX photos_favorite ON photos (owner_id, taken_local DESC, id DESC) WHERE deleted_at IS NULL AND favorite;
CREATE INDEX photos_unfinished ON photos (owner_id, status, taken_local DESC, id DESC)
    WHERE deleted_at IS NULL AND status <> 'STORED';
CREATE INDEX photos_videos ON photos (owner_id, taken_local DESC, id DESC) WHERE deleted_at IS NULL AND kind = 'video';
-- GET /api/trash.
CREATE INDEX photos_trash ON photos (owner_id, deleted_at DESC, id DESC) WHERE deleted_at IS NOT NULL;
CALL guard('photos', 'owner_id');

-- The one transition table of LIFE-1; `photos.rules` holds the same one and a test compares them.
CREATE TABLE photo_transitions (
    from_status text NOT NULL,
    to_status text NOT NULL,
    PRIMARY KEY (from_status, to_status)
);
INSERT INTO photo_transitions VALUES
    ('UPLOADED', 'INGESTED'), ('UPLOADED', 'FAILED'),
    ('INGESTED', 'PROCESSING'), ('INGESTED', 'PROCESSED'), ('INGESTED', 'STORED'), ('INGESTED', 'FAILED'),
    ('PROCESSING', 'INGESTED'), ('PROCESSING', 'PROCESSED'), ('PROCESSING', 'STORED'), ('PROCESSING', 'FAILED'),
    ('PROCESSED', 'INGESTED'), ('PROCESSED', 'PROCESSING'), ('PROCESSED', 'STORED'), ('PROCESSED', 'FAILED'),
    ('STORED', 'INGESTED'), ('STORED', 'PROCESSING'), ('STORED', 'PROCESSED'), ('STORED', 'FAILED'),
    ('FAILED', 'INGESTED'), ('FAILED', 'PROCESSING'), ('FAILED', 'PROCESSED'), ('FAILED', 'STORED');

CREATE FUNCTION check_photo_transition() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM photo_transitions WHERE from_status = OLD.status AND to_status = NEW.status
    ) THEN
        RAISE EXCEPTION 'photo %: no transition from % to %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER photo_transition BEFORE UPDATE OF status ON photos
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION check_photo_transition();

CREATE TABLE photo_files (
    id uuid PRIMARY KEY,
    photo_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    role text NOT NULL CHECK (role IN ('primary', 'motion', 'raw', 'sidecar', 'edit')),
    checksum bytea REFERENCES originals,
    size_bytes bigint NOT NULL,
    mime text NOT NULL,
    name text NOT NULL,
    source text NOT NULL,
    created_at timestamptz NOT NULL,
    FOREIGN KEY (photo_id, owner_id) REFERENCES photos (id, owner_id) ON DELETE CASCADE
);
-- Exact duplicates of one owner are one photo (ING-8); also the look-up of POST /api/receipts and hash-first uploads.
CREATE UNIQUE INDEX photo_files_checksum ON photo_files (owner_id, checksum) WHERE checksum IS NOT NULL;
CREATE UNIQUE INDEX photo_files_primary ON photo_files (photo_id) WHERE role = 'primary';
CREATE INDEX photo_files_photo ON photo_files (photo_id);
-- Who else uses an original: the policy of originals, and purge.
CREATE INDEX photo_files_original ON photo_files (checksum, owner_id) WHERE checksum IS NOT NULL;
CALL guard('photo_files', 'owner_id');

CREATE TABLE photo_metadata (
    photo_id uuid PRIMARY KEY,
    owner_id uuid NOT NULL,
    tags jsonb NOT NULL,
    notes text[] NOT NULL DEFAULT '{}',
    FOREIGN KEY (photo_id, owner_id) REFERENCES photos (id, owner_id) ON DELETE CASCADE
);
CALL guard('photo_metadata', 'owner_id');

CREATE TABLE photo_sources (
    id uuid PRIMARY KEY,
    photo_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    device_id uuid,
    modified_at timestamptz,
    created_at timestamptz NOT NULL,
    FOREIGN KEY (photo_id, owner_id) REFERENCES photos (id, owner_id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX photo_sources_once ON photo_sources (photo_id, kind, name, device_id) NULLS NOT DISTINCT;
CALL guard('photo_sources', 'owner_id');

CREATE TABLE photo_aliases (
    old_id uuid PRIMARY KEY,
    new_id uuid NOT NULL,
    owner_id uuid NOT NULL REFERENCES users
);
CALL guard('photo_aliases', 'owner_id');

CREATE TABLE tombstones (
    owner_id uuid NOT NULL REFERENCES users,
    checksum bytea NOT NULL CHECK (length(checksum) = 32),
    filename text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (owner_id, checksum)
);
CALL guard('tombstones', 'owner_id');

-- An original is visible to whoever has a file of it: no owner learns of another's checksum.
ALTER TABLE originals ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner_rows ON originals FOR SELECT USING (EXISTS (
    SELECT 1 FROM photo_files f
    WHERE f.checksum = originals.checksum AND f.owner_id = ANY ((SELECT visible_owners())::uuid[])));
ALTER TABLE original_locations ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner_rows ON original_locations FOR SELECT USING (EXISTS (
    SELECT 1 FROM photo_files f
    WHERE f.checksum = original_locations.checksum AND f.owner_id = ANY ((SELECT visible_owners())::uuid[])));

-- ---------------------------------------------------------------------------------------------------------------------
-- Steps
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE steps (
    photo_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    step text NOT NULL,
    version integer NOT NULL,
    algorithm text NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed', 'skipped')),
    reason text,
    priority smallint NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- Runs in a row that ended because a part was away: they lengthen the back-off and are no attempts.
    waits integer NOT NULL DEFAULT 0 CHECK (waits >= 0),
    next_try_at timestamptz NOT NULL,
    error text,
    error_code text,
    -- Asked for again while it ran: the finish puts it back to waiting.
    again boolean NOT NULL DEFAULT false,
    run_id uuid,
    lease_until timestamptz,
    worker text,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (photo_id, step),
    FOREIGN KEY (photo_id, owner_id) REFERENCES photos (id, owner_id) ON DELETE CASCADE,
    CHECK (state <> 'running' OR (run_id IS NOT NULL AND lease_until IS NOT NULL AND worker IS NOT NULL)),
    CHECK (state <> 'skipped' OR reason IS NOT NULL)
);
-- Due work in order: first in, first out within a priority.
CREATE INDEX steps_due ON steps (step, priority, next_try_at) WHERE state = 'waiting';
CREATE INDEX steps_leases ON steps (step, lease_until) WHERE state = 'running';
CREATE UNIQUE INDEX steps_run ON steps (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX steps_failed ON steps (owner_id, finished_at DESC) WHERE state = 'failed';
CREATE INDEX steps_stale ON steps (step, version, photo_id) WHERE state IN ('done', 'failed', 'skipped');
CALL guard('steps', 'owner_id');

-- ---------------------------------------------------------------------------------------------------------------------
-- Changes: the feed's source
-- ---------------------------------------------------------------------------------------------------------------------

-- Transaction ids don't survive dump and restore: a restore, rebuild or promotion mints a new epoch.
CREATE TABLE feed_epochs (
    epoch bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    reason text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO feed_epochs (reason) VALUES ('created');

CREATE FUNCTION current_epoch() RETURNS bigint
LANGUAGE sql STABLE
RETURN (SELECT max(epoch) FROM feed_epochs);

CREATE TABLE changes (
    epoch bigint NOT NULL DEFAULT current_epoch(),
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    seq bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    owner_id uuid NOT NULL,
    type text NOT NULL CHECK (type IN ('photo', 'album', 'person', 'vehicle', 'tombstone')),
    entity_id uuid NOT NULL,
    data jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner_id, epoch, xid, seq)
);
CREATE INDEX changes_age ON changes (created_at);
CALL guard('changes', 'owner_id');

-- Statement-level, so that no mutation of a photo can forget its change.
CREATE FUNCTION record_photo_changes() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO changes (owner_id, type, entity_id)
    SELECT owner_id, 'photo', id FROM new_rows;
    RETURN NULL;
END $$;
CREATE TRIGGER photos_inserted_change AFTER INSERT ON photos
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION record_photo_changes();
CREATE TRIGGER photos_updated_change AFTER UPDATE ON photos
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION record_photo_changes();

CREATE FUNCTION record_photo_tombstones() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO changes (owner_id, type, entity_id, data)
    SELECT owner_id, 'tombstone', id, jsonb_build_object('type', 'photo', 'id', id, 'reason', 'deleted')
    FROM old_rows;
    RETURN NULL;
END $$;
CREATE TRIGGER photos_deleted_change AFTER DELETE ON photos
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION record_photo_tombstones();

-- ---------------------------------------------------------------------------------------------------------------------
-- Timeline: one row per owner and day
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE timeline_days (
    owner_id uuid NOT NULL REFERENCES users,
    day date NOT NULL,
    count integer NOT NULL CHECK (count >= 0),
    -- Grows with every change that the day's tiles show; rows stay at count 0, so that sums only grow.
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (owner_id, day)
);
CALL guard('timeline_days', 'owner_id');

-- Upserts run in (owner, day) order: writers that lock days in random order deadlock.
CREATE FUNCTION count_inserted_photos() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO timeline_days AS d (owner_id, day, count)
    SELECT owner_id, taken_local::date, count(*)
    FROM new_rows
    WHERE deleted_at IS NULL AND NOT archived
    GROUP BY 1, 2
    ORDER BY 1, 2
    ON CONFLICT (owner_id, day) DO UPDATE SET count = d.count + excluded.count, version = d.version + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER photos_inserted_days AFTER INSERT ON photos
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_inserted_photos();

-- INSERT … ON CONFLICT checks the proposed row first, where a negative count would break the CHECK: a delta below zero
-- is applied by UPDATE, to rows that exist because the photo was counted there.
CREATE FUNCTION count_updated_photos() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    delta record;
BEGIN
    FOR delta IN
        WITH shown AS (
            SELECT -1 AS change, taken_local::date AS day, owner_id, id, taken_local, width, height, kind,
                   duration_ms, placeholder, derive_version, status, favorite
            FROM old_rows WHERE deleted_at IS NULL AND NOT archived
            UNION ALL
            SELECT 1, taken_local::date, owner_id, id, taken_local, width, height, kind,
                   duration_ms, placeholder, derive_version, status, favorite
            FROM new_rows WHERE deleted_at IS NULL AND NOT archived
        ), changed_tiles AS (
            SELECT owner_id, day, sum(change) AS change
            FROM shown
            GROUP BY owner_id, day, id, taken_local, width, height, kind,
                     duration_ms, placeholder, derive_version, status, favorite
            HAVING sum(change) <> 0
        )
        SELECT owner_id, day, sum(change)::integer AS change
        FROM changed_tiles
        GROUP BY owner_id, day
        ORDER BY owner_id, day
    LOOP
        IF delta.change > 0 THEN
            INSERT INTO timeline_days AS d (owner_id, day, count)
            VALUES (delta.owner_id, delta.day, delta.change)
            ON CONFLICT (owner_id, day) DO UPDATE SET count = d.count + excluded.count, version = d.version + 1;
        ELSE
            UPDATE timeline_days SET count = count + delta.change, version = version + 1
            WHERE owner_id = delta.owner_id AND day = delta.day;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER photos_updated_days AFTER UPDATE ON photos
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_updated_photos();

CREATE FUNCTION count_deleted_photos() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM timeline_days d
    WHERE (d.owner_id, d.day) IN (
        SELECT owner_id, taken_local::date FROM old_rows WHERE deleted_at IS NULL AND NOT archived)
    ORDER BY d.owner_id, d.day
    FOR UPDATE;
    UPDATE timeline_days d SET count = d.count - gone.count, version = d.version + 1
    FROM (
        SELECT owner_id, taken_local::date AS day, count(*) AS count
        FROM old_rows
        WHERE deleted_at IS NULL AND NOT archived
        GROUP BY 1, 2
    ) gone
    WHERE d.owner_id = gone.owner_id AND d.day = gone.day;
    RETURN NULL;
END $$;
CREATE TRIGGER photos_deleted_days AFTER DELETE ON photos
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION count_deleted_photos();

-- ---------------------------------------------------------------------------------------------------------------------
-- Uploads
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE upload_sessions (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    filename text NOT NULL,
    size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
    checksum bytea CHECK (length(checksum) = 32),
    modified_at timestamptz,
    device_id uuid,
    -- Bytes that are durable in the spool; never ahead of the disk.
    offset_bytes bigint NOT NULL DEFAULT 0 CHECK (offset_bytes BETWEEN 0 AND size_bytes),
    state text NOT NULL CHECK (state IN ('open', 'done')),
    photo_id uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX upload_sessions_expiry ON upload_sessions (expires_at);
CREATE INDEX upload_sessions_owner ON upload_sessions (owner_id);
CALL guard('upload_sessions', 'owner_id');

-- ---------------------------------------------------------------------------------------------------------------------
-- Answers to requests that came with an Idempotency-Key, for when they come again
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE kept_answers (
    owner_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    method text NOT NULL,
    target text NOT NULL,
    -- SHA-256 of the request's body.
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    -- Whose work it is; null status while it is under way.
    claim_id uuid NOT NULL,
    claimed_at timestamptz NOT NULL,
    status smallint,
    media_type text,
    body bytea,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (owner_id, key, method, target)
);
CREATE INDEX kept_answers_expiry ON kept_answers (expires_at);
CALL guard('kept_answers', 'owner_id');

-- ---------------------------------------------------------------------------------------------------------------------
-- Reviewed functions that see across owners. Each pins its search path and returns no more than its caller needs.
-- `see_all` matters only with a single role (see `fence`); otherwise the definer's rights suffice.
-- ---------------------------------------------------------------------------------------------------------------------

-- Open or close the fence for this transaction; a function that opens it closes it before it returns.
CREATE FUNCTION see_all(p_on boolean) RETURNS text
LANGUAGE sql VOLATILE
AS $$ SELECT set_config('afterglow.definer', CASE WHEN p_on THEN 'on' ELSE '' END, true) $$;

-- Log-in: the account behind an e-mail address. Called before anybody is known.
CREATE FUNCTION find_account(p_email text)
RETURNS TABLE (id uuid, email text, name text, password_hash text, role text, disabled_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM see_all(true);
    RETURN QUERY
    SELECT u.id, u.email, u.name, u.password_hash, u.role, u.disabled_at FROM users u WHERE u.email = lower(p_email);
    PERFORM see_all(false);
END $$;

-- Refresh: whose token this is. Its hash is 256 random bits, so knowing it is the proof.
CREATE FUNCTION find_refresh_token(p_token_hash bytea)
RETURNS TABLE (session_id uuid, user_id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM see_all(true);
    RETURN QUERY
    SELECT t.session_id, t.user_id FROM refresh_tokens t WHERE t.token_hash = p_token_hash;
    PERFORM see_all(false);
END $$;

-- Administration: accounts without their secrets.
CREATE FUNCTION list_accounts()
RETURNS TABLE (id uuid, email text, name text, role text, quota_bytes bigint, created_at timestamptz,
               disabled_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM see_all(true);
    RETURN QUERY
    SELECT u.id, u.email, u.name, u.role, u.quota_bytes, u.created_at, u.disabled_at FROM users u ORDER BY u.created_at;
    PERFORM see_all(false);
END $$;

-- Ingest: record an original and where it lies verified. Answers nothing, so nobody learns whether it was known.
CREATE FUNCTION keep_original(p_checksum bytea, p_size_bytes bigint, p_sha1 bytea, p_store text, p_key text)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
BEGIN
    PERFORM see_all(true);
    INSERT INTO originals (checksum, size_bytes, sha1, created_at)
    VALUES (p_checksum, p_size_bytes, p_sha1, now())
    ON CONFLICT (checksum) DO NOTHING;
    INSERT INTO original_locations (checksum, store, key, state, verified_at)
    VALUES (p_checksum, p_store, p_key, 'present', now())
    ON CONFLICT (checksum, store) DO UPDATE SET key = excluded.key, state = 'present', verified_at = now();
    PERFORM see_all(false);
END $$;

-- Sweeper: which of these objects no location names.
CREATE FUNCTION unknown_objects(p_store text, p_keys text[])
RETURNS TABLE (key text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM see_all(true);
    RETURN QUERY
    SELECT k.key FROM unnest(p_keys) AS k (key)
    WHERE NOT EXISTS (SELECT 1 FROM original_locations l WHERE l.store = p_store AND l.key = k.key);
    PERFORM see_all(false);
END $$;

-- Start: whether anything was ever put into a store, so that an absent disk is not taken for a new one.
CREATE FUNCTION store_in_use(p_store text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
DECLARE
    in_use boolean;
BEGIN
    PERFORM see_all(true);
    in_use := EXISTS (SELECT 1 FROM original_locations l WHERE l.store = p_store);
    PERFORM see_all(false);
    RETURN in_use;
END $$;

-- Sweeper: which of these uploads are open sessions, and whose.
CREATE FUNCTION open_uploads(p_ids uuid[])
RETURNS TABLE (id uuid, owner_id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM see_all(true);
    RETURN QUERY
    SELECT u.id, u.owner_id FROM upload_sessions u WHERE u.id = ANY (p_ids) AND u.state = 'open';
    PERFORM see_all(false);
END $$;

-- Sweeper: forget uploads that nobody completed in time, and finished ones after theirs; answers the forgotten ids.
CREATE FUNCTION expire_uploads(p_limit integer)
RETURNS TABLE (id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM see_all(true);
    RETURN QUERY
    DELETE FROM upload_sessions u
    WHERE u.id IN (
        SELECT e.id FROM upload_sessions e WHERE e.expires_at <= now() ORDER BY e.expires_at LIMIT p_limit
        FOR UPDATE SKIP LOCKED)
    RETURNING u.id;
    PERFORM see_all(false);
END $$;

-- Sweeper: forget answers that nobody will ask for again; answers how many.
CREATE FUNCTION expire_kept_answers(p_limit integer)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    PERFORM see_all(true);
    DELETE FROM kept_answers k
    WHERE (k.owner_id, k.key, k.method, k.target) IN (
        SELECT e.owner_id, e.key, e.method, e.target FROM kept_answers e
        WHERE e.expires_at <= now() ORDER BY e.expires_at LIMIT p_limit
        FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM see_all(false);
    RETURN gone;
END $$;

-- Worker: start runs of a step. A run starts from `waiting` when due, or from `running` when its lease has passed;
-- the start counts the attempt, so a run that is killed counts too. It runs, and is recorded, as the worker's own
-- version; what a newer version has planned is left to workers that know it.
CREATE FUNCTION claim_steps(
    p_step text, p_version integer, p_algorithm text, p_photo_ids uuid[], p_worker text, p_lease interval)
RETURNS TABLE (photo_id uuid, owner_id uuid, run_id uuid, version integer, attempts integer, waits integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    PERFORM see_all(true);
    RETURN QUERY
    WITH due AS (
        SELECT s.photo_id
        FROM steps s
        WHERE s.step = p_step AND s.photo_id = ANY (p_photo_ids) AND s.version <= p_version
          AND ((s.state = 'waiting' AND s.next_try_at <= moment)
               OR (s.state = 'running' AND s.lease_until < moment))
        ORDER BY s.photo_id
        FOR UPDATE SKIP LOCKED
    )
    UPDATE steps s
    SET state = 'running', version = p_version, algorithm = p_algorithm, attempts = s.attempts + 1,
        run_id = gen_random_uuid(), worker = p_worker, again = false, lease_until = moment + p_lease,
        started_at = moment, finished_at = NULL, error = NULL, error_code = NULL, reason = NULL
    FROM due
    WHERE s.photo_id = due.photo_id AND s.step = p_step
    RETURNING s.photo_id, s.owner_id, s.run_id, s.version, s.attempts, s.waits;
    PERFORM see_all(false);
END $$;

-- Worker: renew the leases of its runs; answers the ones that are still its own.
CREATE FUNCTION renew_leases(p_run_ids uuid[], p_lease interval)
RETURNS TABLE (run_id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM see_all(true);
    RETURN QUERY
    UPDATE steps s SET lease_until = clock_timestamp() + p_lease
    WHERE s.run_id = ANY (p_run_ids) AND s.state = 'running'
    RETURNING s.run_id;
    PERFORM see_all(false);
END $$;

-- Reconciler: due steps and expired leases, oldest first within a priority; ids only. The priorities are few and are
-- looked up one by one, so that it reads no more rows than it returns, however many wait for a later time.
CREATE FUNCTION due_steps(p_step text, p_limit integer)
RETURNS TABLE (photo_id uuid, priority smallint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    PERFORM see_all(true);
    RETURN QUERY
    (SELECT s.photo_id, s.priority FROM steps s
     WHERE s.state = 'running' AND s.step = p_step AND s.lease_until < moment
     ORDER BY s.lease_until LIMIT p_limit);
    RETURN QUERY
    WITH RECURSIVE levels AS (
        SELECT min(s.priority) AS level FROM steps s WHERE s.state = 'waiting' AND s.step = p_step
        UNION ALL
        SELECT (SELECT min(s.priority) FROM steps s
                WHERE s.state = 'waiting' AND s.step = p_step AND s.priority > levels.level)
        FROM levels WHERE levels.level IS NOT NULL
    )
    SELECT due.photo_id, due.priority
    FROM levels, LATERAL (
        SELECT s.photo_id, s.priority, s.next_try_at FROM steps s
        WHERE s.state = 'waiting' AND s.step = p_step AND s.priority = levels.level AND s.next_try_at <= moment
        ORDER BY s.next_try_at LIMIT p_limit
    ) due
    ORDER BY due.priority, due.next_try_at LIMIT p_limit;
    PERFORM see_all(false);
END $$;

-- Backfill: finished steps of an older version, so that a version bump plans anew only what is stale; oldest photos
-- first, and no more than fill the window: those that were planned and still wait count.
CREATE FUNCTION stale_steps(p_step text, p_version integer, p_priority smallint, p_window integer)
RETURNS TABLE (owner_id uuid, photo_id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
#variable_conflict use_column
DECLARE
    waiting integer;
BEGIN
    PERFORM see_all(true);
    waiting := (SELECT count(*) FROM (
        SELECT FROM steps s
        WHERE s.state = 'waiting' AND s.step = p_step AND s.priority = p_priority LIMIT p_window) w);
    RETURN QUERY
    SELECT s.owner_id, s.photo_id FROM steps s
    WHERE s.step = p_step AND s.version < p_version AND s.state IN ('done', 'failed', 'skipped')
    ORDER BY s.version, s.photo_id LIMIT p_window - waiting;
    PERFORM see_all(false);
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Rights of the app role: rows, never structure. Called after every upgrade.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE PROCEDURE grant_app(p_role name)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA afterglow TO %I', p_role);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA afterglow TO %I', p_role);
    EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA afterglow TO %I', p_role);
    EXECUTE format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA afterglow TO %I', p_role);
    IF p_role <> current_user THEN
        EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON originals, original_locations, photo_transitions, feed_epochs '
                       'FROM %I', p_role);
        EXECUTE format('REVOKE ALL ON alembic_version FROM %I', p_role);
        EXECUTE format('GRANT SELECT ON alembic_version TO %I', p_role);
    END IF;
END $$;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA afterglow FROM PUBLIC;
REVOKE EXECUTE ON ALL PROCEDURES IN SCHEMA afterglow FROM PUBLIC;
