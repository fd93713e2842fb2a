-- Administration: jobs and queues across owners, pauses, schedules, and what the node says of itself.
--
-- Nothing here grows with the library without a bound: lists are keyset pages on the partial indexes below, depths are
-- counted up to a bound, and what only a full count can tell is counted by the worker now and then (`measures`).

-- ---------------------------------------------------------------------------------------------------------------------
-- Jobs: indexes
-- ---------------------------------------------------------------------------------------------------------------------

-- With the photo, due_steps needs no look at the table, and a page of waiting jobs goes on in the middle of steps that
-- became due at the same moment.
DROP INDEX steps_due;
CREATE INDEX steps_due ON steps (step, priority, next_try_at, photo_id) WHERE state = 'waiting';
-- GET /api/admin/jobs?status=failed, and the failed count of GET /api/admin/queues.
CREATE INDEX steps_failures ON steps (step, finished_at, photo_id) WHERE state = 'failed';
-- GET /api/admin/jobs?status=completed: ends of runs; steps that ingest found done already never were jobs.
CREATE INDEX steps_finished ON steps (step, finished_at, photo_id)
    WHERE state IN ('done', 'skipped') AND run_id IS NOT NULL;

-- ---------------------------------------------------------------------------------------------------------------------
-- Pauses
-- ---------------------------------------------------------------------------------------------------------------------

-- Steps that no worker may start, until somebody resumes them.
CREATE TABLE paused_steps (
    step text PRIMARY KEY,
    paused_at timestamptz NOT NULL,
    paused_by uuid REFERENCES users ON DELETE SET NULL
);

-- The foundation's functions stay as they are, under another name; in front of each stands the look at the pauses.
ALTER FUNCTION claim_steps(text, integer, text, uuid[], text, interval) RENAME TO claim_due_steps;
ALTER FUNCTION due_steps(text, integer) RENAME TO all_due_steps;

CREATE FUNCTION claim_steps(
    p_step text, p_version integer, p_algorithm text, p_photo_ids uuid[], p_worker text, p_lease interval)
RETURNS TABLE (photo_id uuid, owner_id uuid, run_id uuid, version integer, attempts integer, waits integer)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM afterglow.paused_steps p WHERE p.step = p_step) THEN
        RETURN QUERY
        SELECT * FROM afterglow.claim_due_steps(p_step, p_version, p_algorithm, p_photo_ids, p_worker, p_lease);
    END IF;
END $$;

-- A paused step is not woken either: wake-ups that no claim follows would go round for ever.
CREATE FUNCTION due_steps(p_step text, p_limit integer)
RETURNS TABLE (photo_id uuid, priority smallint)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM afterglow.paused_steps p WHERE p.step = p_step) THEN
        RETURN QUERY SELECT * FROM afterglow.all_due_steps(p_step, p_limit);
    END IF;
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- What the node says of itself; nothing of any owner
-- ---------------------------------------------------------------------------------------------------------------------

-- The last run of each recurring job. PgQueuer's own table is unlogged, and forgets in a crash.
CREATE TABLE schedule_runs (
    name text PRIMARY KEY,
    cron text NOT NULL,
    next_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    -- Of the last run that failed.
    failed_at timestamptz,
    error text
);

-- How runs of steps ended, added up by time: what rates and failures are told from.
CREATE TABLE step_results (
    slot timestamptz NOT NULL,
    step text NOT NULL,
    result text NOT NULL CHECK (result IN ('done', 'skipped', 'retried', 'failed', 'lost')),
    -- Of the error; '' where there was none.
    code text NOT NULL,
    runs integer NOT NULL CHECK (runs > 0),
    duration_s double precision NOT NULL CHECK (duration_s >= 0),
    PRIMARY KEY (slot, step, result, code)
);

-- Processes of the node, what they last told, and what each has counted for /metrics; counts of ended ones stay until the
-- next start, so that sums only grow. Written every few seconds and worth nothing after a crash, hence unlogged.
CREATE UNLOGGED TABLE processes (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('http', 'worker')),
    name text NOT NULL,
    version text NOT NULL,
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    running integer NOT NULL,
    resident_bytes bigint,
    counts jsonb NOT NULL
);

-- Figures that cost a full count; a worker takes them now and then.
CREATE UNLOGGED TABLE measures (
    name text PRIMARY KEY,
    figures jsonb NOT NULL,
    measured_at timestamptz NOT NULL
);

-- ---------------------------------------------------------------------------------------------------------------------
-- Reviewed functions that see across owners (see the foundation)
-- ---------------------------------------------------------------------------------------------------------------------

-- Administration: a page of jobs, latest first: by the moment at which each came to the state it is in (a waiting one:
-- at which it is or was due), then photo and step. Whether finished ones are too old to be shown is the caller's word.
-- No branch reads more rows than the page has, whatever waits or has been done: one probe for each step (and priority)
-- that there is in the index.
CREATE FUNCTION list_jobs(
    p_states text[], p_step text, p_photo_id uuid, p_finished_after timestamptz,
    p_moment timestamptz, p_after_photo_id uuid, p_after_step text, p_limit integer)
RETURNS SETOF steps
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM see_all(true);
    RETURN QUERY
    WITH RECURSIVE waiting AS (
        (SELECT s.step, s.priority FROM steps s
         WHERE s.state = 'waiting' AND 'waiting' = ANY (p_states) AND p_photo_id IS NULL
         ORDER BY s.step, s.priority LIMIT 1)
        UNION ALL
        SELECT n.step, n.priority FROM waiting l, LATERAL (
            SELECT s.step, s.priority FROM steps s
            WHERE s.state = 'waiting' AND (s.step, s.priority) > (l.step, l.priority)
            ORDER BY s.step, s.priority LIMIT 1) n
    ), failed AS (
        (SELECT s.step FROM steps s
         WHERE s.state = 'failed' AND 'failed' = ANY (p_states) AND p_photo_id IS NULL
         ORDER BY s.step LIMIT 1)
        UNION ALL
        SELECT n.step FROM failed l, LATERAL (
            SELECT s.step FROM steps s WHERE s.state = 'failed' AND s.step > l.step ORDER BY s.step LIMIT 1) n
    ), finished AS (
        (SELECT s.step FROM steps s
         WHERE s.state IN ('done', 'skipped') AND s.run_id IS NOT NULL AND 'done' = ANY (p_states)
           AND p_photo_id IS NULL
         ORDER BY s.step LIMIT 1)
        UNION ALL
        SELECT n.step FROM finished l, LATERAL (
            SELECT s.step FROM steps s
            WHERE s.state IN ('done', 'skipped') AND s.run_id IS NOT NULL AND s.step > l.step
            ORDER BY s.step LIMIT 1) n
    ), found AS (
        SELECT j.* FROM waiting l, LATERAL (
            SELECT s.* FROM steps s
            WHERE s.state = 'waiting' AND s.step = l.step AND s.priority = l.priority
              AND (s.next_try_at, s.photo_id) <= (p_moment, p_after_photo_id)
              AND (s.next_try_at, s.photo_id, s.step) < (p_moment, p_after_photo_id, p_after_step)
            ORDER BY s.next_try_at DESC, s.photo_id DESC LIMIT p_limit) j
        WHERE p_step IS NULL OR l.step = p_step
        UNION ALL
        SELECT s.* FROM steps s
        WHERE s.state = 'running' AND 'running' = ANY (p_states) AND p_photo_id IS NULL
          AND (p_step IS NULL OR s.step = p_step)
          AND (s.started_at, s.photo_id, s.step) < (p_moment, p_after_photo_id, p_after_step)
        UNION ALL
        SELECT j.* FROM failed l, LATERAL (
            SELECT s.* FROM steps s
            WHERE s.state = 'failed' AND s.step = l.step
              AND (s.finished_at, s.photo_id) <= (p_moment, p_after_photo_id)
              AND (s.finished_at, s.photo_id, s.step) < (p_moment, p_after_photo_id, p_after_step)
            ORDER BY s.finished_at DESC, s.photo_id DESC LIMIT p_limit) j
        WHERE p_step IS NULL OR l.step = p_step
        UNION ALL
        SELECT j.* FROM finished l, LATERAL (
            SELECT s.* FROM steps s
            WHERE s.state IN ('done', 'skipped') AND s.run_id IS NOT NULL AND s.step = l.step
              AND s.finished_at > p_finished_after
              AND (s.finished_at, s.photo_id) <= (p_moment, p_after_photo_id)
              AND (s.finished_at, s.photo_id, s.step) < (p_moment, p_after_photo_id, p_after_step)
            ORDER BY s.finished_at DESC, s.photo_id DESC LIMIT p_limit) j
        WHERE p_step IS NULL OR l.step = p_step
        UNION ALL
        SELECT s.* FROM steps s
        WHERE s.photo_id = p_photo_id AND (p_step IS NULL OR s.step = p_step)
          AND CASE WHEN s.state = 'skipped' THEN 'done' ELSE s.state END = ANY (p_states)
          AND (s.state NOT IN ('done', 'skipped') OR (s.run_id IS NOT NULL AND s.finished_at > p_finished_after))
          AND (CASE s.state WHEN 'waiting' THEN s.next_try_at WHEN 'running' THEN s.started_at ELSE s.finished_at END,
               s.photo_id, s.step) < (p_moment, p_after_photo_id, p_after_step)
    )
    SELECT f.* FROM found f
    ORDER BY CASE f.state WHEN 'waiting' THEN f.next_try_at WHEN 'running' THEN f.started_at ELSE f.finished_at END DESC,
             f.photo_id DESC, f.step DESC
    LIMIT p_limit;
    PERFORM see_all(false);
END $$;

-- Administration: one job, by its run, else by what it is called as long as it has had none. A step that was found done
-- without a run is no job.
CREATE FUNCTION find_job(p_run_id uuid, p_photo_ids uuid[], p_steps text[])
RETURNS SETOF steps
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM see_all(true);
    RETURN QUERY SELECT s.* FROM steps s WHERE s.run_id = p_run_id;
    IF NOT FOUND THEN
        RETURN QUERY
        SELECT s.* FROM unnest(p_photo_ids, p_steps) AS named (photo_id, step)
        JOIN steps s ON s.photo_id = named.photo_id AND s.step = named.step
        WHERE s.run_id IS NOT NULL OR s.state NOT IN ('done', 'skipped')
        LIMIT 1;
    END IF;
    PERFORM see_all(false);
END $$;

-- Administration: failed jobs of a step that are to be tried again, oldest failure first.
CREATE FUNCTION failed_jobs(p_step text, p_limit integer)
RETURNS TABLE (owner_id uuid, photo_id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM see_all(true);
    RETURN QUERY
    SELECT s.owner_id, s.photo_id FROM steps s
    WHERE s.state = 'failed' AND s.step = p_step
    ORDER BY s.finished_at, s.photo_id LIMIT p_limit;
    PERFORM see_all(false);
END $$;

-- Administration: whose these photos are, of those that have the step.
CREATE FUNCTION owners_of_jobs(p_step text, p_photo_ids uuid[])
RETURNS TABLE (owner_id uuid, photo_id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM see_all(true);
    RETURN QUERY
    SELECT s.owner_id, s.photo_id FROM steps s
    WHERE s.photo_id = ANY (p_photo_ids) AND s.step = p_step
    ORDER BY s.owner_id, s.photo_id;
    PERFORM see_all(false);
END $$;

-- Administration: how long the queues are, each number counted up to a bound; steps without any are left out.
CREATE FUNCTION queue_depths(p_bound integer)
RETURNS TABLE (step text, waiting bigint, running bigint, failed bigint, due_since timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM see_all(true);
    RETURN QUERY
    WITH RECURSIVE levels AS (
        (SELECT s.step, s.priority FROM steps s WHERE s.state = 'waiting' ORDER BY s.step, s.priority LIMIT 1)
        UNION ALL
        SELECT n.step, n.priority FROM levels l, LATERAL (
            SELECT s.step, s.priority FROM steps s
            WHERE s.state = 'waiting' AND (s.step, s.priority) > (l.step, l.priority)
            ORDER BY s.step, s.priority LIMIT 1) n
    ), waiting AS (
        SELECT l.step, min((
            SELECT min(s.next_try_at) FROM steps s
            WHERE s.state = 'waiting' AND s.step = l.step AND s.priority = l.priority)) AS due_since
        FROM levels l GROUP BY l.step
    ), running AS (
        SELECT s.step, count(*) AS count FROM steps s WHERE s.state = 'running' GROUP BY s.step
    ), failed AS (
        (SELECT s.step FROM steps s WHERE s.state = 'failed' ORDER BY s.step LIMIT 1)
        UNION ALL
        SELECT n.step FROM failed l, LATERAL (
            SELECT s.step FROM steps s WHERE s.state = 'failed' AND s.step > l.step ORDER BY s.step LIMIT 1) n
    )
    SELECT named.step,
           (SELECT count(*) FROM (
                SELECT FROM steps s WHERE s.state = 'waiting' AND s.step = named.step LIMIT p_bound) bounded),
           COALESCE((SELECT r.count FROM running r WHERE r.step = named.step), 0),
           (SELECT count(*) FROM (
                SELECT FROM steps s WHERE s.state = 'failed' AND s.step = named.step LIMIT p_bound) bounded),
           (SELECT w.due_since FROM waiting w WHERE w.step = named.step)
    FROM (SELECT w.step FROM waiting w UNION SELECT r.step FROM running r UNION SELECT f.step FROM failed f) named;
    PERFORM see_all(false);
END $$;

-- Measurements: the whole length of each queue.
CREATE FUNCTION count_steps()
RETURNS TABLE (step text, state text, count bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM see_all(true);
    RETURN QUERY SELECT s.step, 'waiting', count(*) FROM steps s WHERE s.state = 'waiting' GROUP BY s.step;
    RETURN QUERY SELECT s.step, 'failed', count(*) FROM steps s WHERE s.state = 'failed' GROUP BY s.step;
    PERFORM see_all(false);
END $$;

-- Measurements: photos by status, those in the trash apart, and what the originals of all weigh. The finished ones, which
-- are nearly all, are what is left when the others are counted by their index.
CREATE FUNCTION count_photos()
RETURNS TABLE (status text, count bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
#variable_conflict use_column
DECLARE
    total bigint;
    trashed bigint;
    unfinished bigint;
BEGIN
    PERFORM see_all(true);
    total := (SELECT count(*) FROM photos);
    trashed := (SELECT count(*) FROM photos p WHERE p.deleted_at IS NOT NULL);
    unfinished := (SELECT count(*) FROM photos p WHERE p.deleted_at IS NULL AND p.status <> 'STORED');
    RETURN QUERY SELECT 'TRASHED', trashed;
    RETURN QUERY SELECT 'STORED', total - trashed - unfinished;
    RETURN QUERY
    SELECT p.status, count(*) FROM photos p WHERE p.deleted_at IS NULL AND p.status <> 'STORED' GROUP BY p.status;
    PERFORM see_all(false);
END $$;

CREATE FUNCTION count_originals()
RETURNS TABLE (count bigint, size_bytes bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM see_all(true);
    RETURN QUERY SELECT count(*), COALESCE(sum(o.size_bytes), 0)::bigint FROM originals o;
    PERFORM see_all(false);
END $$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA afterglow FROM PUBLIC;
