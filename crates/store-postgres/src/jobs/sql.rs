//! The statements, each of which is one transaction.

use std::sync::LazyLock;

/// Outcomes as numbers.
pub(super) const COMPLETED: i16 = 0;
pub(super) const RETRY: i16 = 1;
pub(super) const DEFERRED: i16 = 2;
pub(super) const DEAD: i16 = 3;

const COLUMNS: &str =
    "kind, project, key, version, priority, run_at, attempts, lease, enqueued_at, error, payload";

/// What waits and what comes to wait under its key become one (J2). What waits keeps its id. `wins`: of two equal
/// versions, whose payload stays.
fn merge(wins: &str) -> String {
    format!(
        "ON CONFLICT (kind, project, key) WHERE leased_until IS NULL DO UPDATE SET
            payload = CASE WHEN excluded.version {wins} w.version THEN excluded.payload ELSE w.payload END,
            version = greatest(w.version, excluded.version), priority = greatest(w.priority, excluded.priority),
            run_at = least(w.run_at, excluded.run_at), attempts = greatest(w.attempts, excluded.attempts),
            enqueued_at = least(w.enqueued_at, excluded.enqueued_at), error = coalesce(excluded.error, w.error)"
    )
}

/// Of a job that comes back, what came meanwhile is newer.
const BACK: &str = ">";
const ANEW: &str = ">=";

/// Kinds, projects, keys, versions, priorities, moments, payloads; now.
pub(super) static ENQUEUE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH new AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::smallint[],
                $6::timestamptz[], $7::text[]) AS n (kind, project, key, version, priority, run_at, payload)),
            named AS (INSERT INTO control.job_kinds (kind)
                SELECT DISTINCT kind COLLATE \"C\" AS kind FROM new ORDER BY kind ON CONFLICT DO NOTHING)
        INSERT INTO control.jobs AS w ({COLUMNS})
        SELECT kind, project, key, version, priority, run_at, 0, 0, $8::timestamptz, NULL, payload FROM new
        {}",
        merge(ANEW)
    )
});

/// Now. What another process settles or takes back at this moment is left to it.
pub(super) static END_LEASES: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH ended AS (SELECT id FROM control.jobs WHERE leased_until <= $1 FOR UPDATE SKIP LOCKED),
            back AS (DELETE FROM control.jobs j USING ended WHERE j.id = ended.id RETURNING j.*)
        INSERT INTO control.jobs AS w (id, {COLUMNS})
        SELECT id, kind, project, key, version, priority, leased_until, attempts, lease, enqueued_at, error, payload
        FROM back ORDER BY kind, project, key
        {}",
        merge(BACK)
    )
});

/// Kinds, how many, now, the end of the lease.
pub(super) const LEASE: &str =
    "SELECT id, lease, kind, project, key, version, payload, priority, attempts, enqueued_at
    FROM control.lease_jobs($1, $2, $3, $4) ORDER BY priority DESC, run_at, id";

/// Ids, leases, outcomes, moments, errors; now. How many were held under their lease. Of one job the first word counts.
pub(super) static SETTLE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH said AS (SELECT DISTINCT ON (id, lease) * FROM unnest($1::bigint[], $2::bigint[], $3::smallint[],
                $4::timestamptz[], $5::text[]) WITH ORDINALITY AS s (id, lease, outcome, again_at, why, n)
                ORDER BY id, lease, n),
            held AS (SELECT j.id FROM control.jobs j JOIN said USING (id, lease)
                WHERE j.leased_until > $6 ORDER BY j.id FOR UPDATE OF j),
            settled AS (DELETE FROM control.jobs j USING held, said
                WHERE j.id = held.id AND said.id = j.id AND said.lease = j.lease
                RETURNING j.*, said.outcome, said.again_at, said.why),
            counted AS (INSERT INTO control.job_completions AS c (kind, slot, completed)
                SELECT kind, pg_backend_pid() & 15, count(*) FROM settled WHERE outcome = {COMPLETED}
                GROUP BY kind ORDER BY kind
                ON CONFLICT (kind, slot) DO UPDATE SET completed = c.completed + excluded.completed),
            buried AS (INSERT INTO control.dead_jobs
                    (id, kind, project, key, version, priority, attempts, lease, enqueued_at, failed_at, error, payload)
                SELECT id, kind, project, key, version, priority, attempts, lease, enqueued_at, $6, why, payload
                FROM settled WHERE outcome = {DEAD}),
            back AS (INSERT INTO control.jobs AS w (id, {COLUMNS})
                SELECT id, kind, project, key, version, priority, again_at,
                    CASE outcome WHEN {DEFERRED} THEN attempts - 1 ELSE attempts END, lease, enqueued_at,
                    coalesce(why, error), payload
                FROM settled WHERE outcome IN ({RETRY}, {DEFERRED}) ORDER BY kind, project, key
                {})
        SELECT count(*) FROM settled",
        merge(BACK)
    )
});

/// Kinds.
pub(super) const NEXT_DUE: &str =
    "SELECT min(at) FROM control.job_kinds k, LATERAL (
        SELECT first.run_at FROM generate_series(0, 9) AS level, LATERAL (
            SELECT w.run_at FROM control.jobs w
            WHERE w.leased_until IS NULL AND w.kind = k.kind AND w.priority = level
                AND NOT EXISTS (SELECT FROM control.jobs h WHERE h.leased_until IS NOT NULL
                    AND h.kind = w.kind AND h.project = w.project AND h.key = w.key)
            ORDER BY w.run_at LIMIT 1) AS first
        UNION ALL SELECT min(leased_until) FROM control.jobs h WHERE h.leased_until IS NOT NULL AND h.kind = k.kind
    ) AS of (at)
    WHERE k.kind = ANY ($1) AND NOT k.is_paused";

/// Now.
pub(super) const STATS: &str =
    "SELECT k.kind, coalesce(w.due, 0), coalesce(h.active, 0), coalesce(w.delayed, 0), coalesce(d.failed, 0),
        coalesce(c.completed, 0)::bigint, w.oldest, k.is_paused
    FROM control.job_kinds k
    LEFT JOIN (SELECT kind, count(*) FILTER (WHERE run_at <= $1) AS due, count(*) FILTER (WHERE run_at > $1) AS delayed,
            min(run_at) FILTER (WHERE run_at <= $1) AS oldest
        FROM control.jobs WHERE leased_until IS NULL GROUP BY kind) w USING (kind)
    LEFT JOIN (SELECT kind, count(*) AS active FROM control.jobs WHERE leased_until IS NOT NULL GROUP BY kind) h
        USING (kind)
    LEFT JOIN (SELECT kind, count(*) AS failed FROM control.dead_jobs GROUP BY kind) d USING (kind)
    LEFT JOIN (SELECT kind, sum(completed) AS completed FROM control.job_completions GROUP BY kind) c USING (kind)
    ORDER BY k.kind";

/// Project, below which id, how many.
pub(super) const DEAD_JOBS: &str =
    "SELECT id, kind, project, key, payload, attempts, error, enqueued_at, failed_at FROM control.dead_jobs
    WHERE project = $1 AND id < $2 ORDER BY id DESC LIMIT $3";

/// Project, id, now. A row if there was one. Its lease number goes on, so that nobody who held it before can settle it.
pub(super) static REVIVE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH back AS (DELETE FROM control.dead_jobs WHERE project = $1 AND id = $2 RETURNING *)
        INSERT INTO control.jobs AS w (id, {COLUMNS})
        SELECT id, kind, project, key, version, priority, $3, 0, lease, enqueued_at, error, payload FROM back
        {}
        RETURNING id",
        merge(BACK)
    )
});

/// Kind, whether it is paused.
pub(super) const PAUSE: &str = "INSERT INTO control.job_kinds (kind, is_paused) VALUES ($1, $2)
    ON CONFLICT (kind) DO UPDATE SET is_paused = excluded.is_paused";
