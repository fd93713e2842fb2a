-- Steps: claims and ends in batches.

-- Worker: renew the leases of its runs; answers the ones that are still its own. Rows are locked by photo and step, as
-- the ends of several runs lock them: in another order the two would deadlock.
CREATE OR REPLACE FUNCTION renew_leases(p_run_ids uuid[], p_lease interval)
RETURNS TABLE (run_id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = afterglow, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM see_all(true);
    RETURN QUERY
    WITH held AS (
        SELECT s.photo_id, s.step
        FROM steps s
        WHERE s.run_id = ANY (p_run_ids) AND s.state = 'running'
        ORDER BY s.photo_id, s.step
        FOR NO KEY UPDATE
    )
    UPDATE steps s SET lease_until = clock_timestamp() + p_lease
    FROM held
    WHERE s.photo_id = held.photo_id AND s.step = held.step AND s.run_id = ANY (p_run_ids) AND s.state = 'running'
    RETURNING s.run_id;
    PERFORM see_all(false);
END $$;

-- Only new wake-ups are told: PgQueuer's own trigger tells of those that are picked and gone too, and each telling costs
-- every worker a look.
CREATE OR REPLACE TRIGGER tg_pgqueuer_changed AFTER INSERT ON pgqueuer
    EXECUTE FUNCTION fn_pgqueuer_changed();
