-- Views: what is remembered of authors, and what labelled texts touched.

-- Of assessments, beside risk, category, confidence and flags: scores by category, similar exemplars, tiers.
ALTER TABLE views.assessments ADD COLUMN detail jsonb NOT NULL DEFAULT '{}';

CREATE TABLE views.exemplar_hits (
    project  text   NOT NULL,
    exemplar bigint NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (project, exemplar, position)
);

-- A past for each shard that the author's events lie in. The bytes are domain::author's.
CREATE TABLE views.authors (
    shard   smallint    NOT NULL,
    project text        NOT NULL,
    author  text        NOT NULL,
    newest  timestamptz NOT NULL,
    past    bytea       NOT NULL,
    PRIMARY KEY (project, author, shard)
) WITH (fillfactor = 80);
