-- Control: projects and keys. Transactional, never rebuilt, backed up.

CREATE SCHEMA control;

-- Grows with every change, by the triggers below.
CREATE TABLE control.version (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint  NOT NULL
);
INSERT INTO control.version (version) VALUES (0);

CREATE TABLE control.organizations (
    id text COLLATE "C" PRIMARY KEY
);
INSERT INTO control.organizations VALUES ('default-org');

CREATE TABLE control.projects (
    id              text COLLATE "C" PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL REFERENCES control.organizations (id),
    created_at      timestamptz      NOT NULL
);

CREATE TABLE control.api_keys (
    no         bigint           GENERATED ALWAYS AS IDENTITY,
    id         text COLLATE "C" PRIMARY KEY,
    hash       bytea            NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    project_id text COLLATE "C" NOT NULL REFERENCES control.projects (id),
    scopes     text[]           NOT NULL,
    label      text             NOT NULL,
    created_at timestamptz      NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz
);

CREATE INDEX api_keys_by_project ON control.api_keys (project_id);

CREATE FUNCTION control.changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE control.version SET version = version + 1;
    RETURN NULL;
END $$;

CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON control.projects
    FOR EACH STATEMENT EXECUTE FUNCTION control.changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON control.api_keys
    FOR EACH STATEMENT EXECUTE FUNCTION control.changed();
