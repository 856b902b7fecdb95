-- Views: what analyses said of sessions and of chains of thought.

-- What firm findings left of the evidence, and what the newest analysis said.
ALTER TABLE views.sessions ADD COLUMN firm double precision NOT NULL DEFAULT 0;
ALTER TABLE views.sessions ADD COLUMN firm_at timestamptz NOT NULL DEFAULT 'epoch';
ALTER TABLE views.sessions ADD COLUMN verdict jsonb;

-- A session's risk right after an analysis. `detail` holds patterns, words and the events that carry them.
CREATE TABLE views.snapshots (
    project      text             NOT NULL,
    session      text             NOT NULL,
    position     bigint           NOT NULL,
    at           timestamptz      NOT NULL,
    session_risk double precision NOT NULL,
    risk_score   double precision NOT NULL,
    until        bigint           NOT NULL,
    model        text             NOT NULL,
    detail       jsonb            NOT NULL,
    PRIMARY KEY (project, session, position)
);

-- By the position of the chain of thought.
CREATE TABLE views.cot_analyses (
    project  text        NOT NULL,
    position bigint      NOT NULL,
    at       timestamptz NOT NULL,
    data     jsonb       NOT NULL,
    PRIMARY KEY (project, position)
);
