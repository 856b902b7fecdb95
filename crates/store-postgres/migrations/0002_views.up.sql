-- Views: what workers derive from the log. May be emptied and folded again.

CREATE SCHEMA views;

-- The rules that everything here was folded by. One row.
CREATE TABLE views.rules (
    one          boolean PRIMARY KEY DEFAULT true CHECK (one),
    fold_version text    NOT NULL,
    half_life_ms bigint  NOT NULL
);

-- Who folds a shard, and how far it is. `epoch` grows with each lease: who holds an older one cannot commit.
CREATE TABLE views.shards (
    shard      smallint    PRIMARY KEY,
    checkpoint bigint      NOT NULL DEFAULT 0,
    epoch      bigint      NOT NULL DEFAULT 0,
    worker     text,
    leased_until timestamptz NOT NULL DEFAULT '-infinity'
);

-- Workers that want shards, so that each takes its share.
CREATE TABLE views.workers (
    worker      text        PRIMARY KEY,
    alive_until timestamptz NOT NULL
);

-- `no` breaks ties in lists: sessions of a shard are numbered as they first appear in the log.
CREATE TABLE views.sessions (
    no                bigint           GENERATED ALWAYS AS IDENTITY UNIQUE,
    project           text             NOT NULL,
    id                text             NOT NULL,
    created_at        timestamptz      NOT NULL,
    first_activity_at timestamptz      NOT NULL,
    last_activity_at  timestamptz      NOT NULL,
    event_count       bigint           NOT NULL,
    evidence          double precision NOT NULL,
    evidence_at       timestamptz      NOT NULL,
    peak_risk         double precision NOT NULL,
    risk_rank         double precision NOT NULL,
    counts            jsonb            NOT NULL,
    patterns          jsonb            NOT NULL,
    PRIMARY KEY (project, id)
) WITH (fillfactor = 80);

CREATE INDEX sessions_by_risk ON views.sessions (project, risk_rank, no);
CREATE INDEX sessions_by_activity ON views.sessions (project, last_activity_at, no);
CREATE INDEX sessions_by_creation ON views.sessions (project, created_at, no);
CREATE INDEX sessions_by_pattern ON views.sessions USING gin (patterns) WHERE patterns <> '[]';

CREATE TABLE views.assessments (
    project      text             NOT NULL,
    position     bigint           NOT NULL,
    risk_score   double precision NOT NULL,
    category     text             NOT NULL,
    confidence   double precision NOT NULL,
    evidence     double precision,
    session_risk double precision,
    flags        jsonb            NOT NULL,
    PRIMARY KEY (project, position)
);

CREATE TABLE views.parked (
    project     text        NOT NULL,
    position    bigint      NOT NULL,
    step        text        NOT NULL,
    reason      text        NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (project, position)
);
