-- The log. See src/log/mod.rs for the laws that this layout holds.

CREATE SCHEMA log;

-- One row. Who appends holds its lock until the commit: positions are dense, and a reader who sees one has seen all
-- before it. `shards` is fixed when the log is made.
CREATE TABLE log.head (
    one              boolean     PRIMARY KEY DEFAULT true CHECK (one),
    id               uuid        NOT NULL DEFAULT gen_random_uuid(),
    first            bigint      NOT NULL DEFAULT 0,
    tail             bigint      NOT NULL DEFAULT 0,
    last_recorded_at timestamptz NOT NULL DEFAULT '-infinity',
    shards           smallint    NOT NULL CHECK (shards > 0)
);

-- By ranges of positions, which are ranges of time too: retention drops whole partitions.
CREATE TABLE log.events (
    position    bigint      PRIMARY KEY,
    shard       smallint    NOT NULL,
    recorded_at timestamptz NOT NULL,
    project     bigint      NOT NULL,
    session     bigint,
    checksum    integer     NOT NULL,
    record      bytea       NOT NULL
) PARTITION BY RANGE (position);

CREATE INDEX events_by_shard ON log.events (shard, position);
CREATE INDEX events_by_project ON log.events (project, position);
CREATE INDEX events_by_session ON log.events (session, position) WHERE session IS NOT NULL;

-- The last group that each process has appended, so that one whose answer was lost is known to be there or not.
CREATE TABLE log.writers (
    writer       text        PRIMARY KEY,
    group_number bigint      NOT NULL,
    appended_at  timestamptz NOT NULL DEFAULT now()
);

-- Idempotency keys and fingerprints: the newest record of each.
CREATE TABLE log.keys (
    hash        bytea       PRIMARY KEY CHECK (octet_length(hash) = 16),
    digest      bigint      NOT NULL,
    position    bigint      NOT NULL,
    shard       smallint    NOT NULL,
    recorded_at timestamptz NOT NULL,
    checksum    integer     NOT NULL
);

CREATE INDEX keys_by_position ON log.keys (position);
