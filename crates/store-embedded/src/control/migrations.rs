//! The layouts of Control, one after the other. A released one is never changed; the next change is a new one.

/// Migration `n` leads from layout `n` to layout `n + 1`.
pub(super) const MIGRATIONS: [&str; 2] = ["
    CREATE TABLE organizations(id TEXT PRIMARY KEY NOT NULL) STRICT;
    INSERT INTO organizations VALUES ('default-org');
    CREATE TABLE projects(id TEXT PRIMARY KEY NOT NULL, organization_id TEXT NOT NULL REFERENCES organizations(id),
        created_at_ms INTEGER NOT NULL) STRICT;
    CREATE TABLE api_keys(id TEXT PRIMARY KEY NOT NULL, hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
        project_id TEXT NOT NULL REFERENCES projects(id), scopes TEXT NOT NULL, label TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL, expires_at_ms INTEGER, revoked_at_ms INTEGER) STRICT;",
    // Removals lie apart: one may be told of before its label.
    "
    CREATE TABLE exemplars(position INTEGER PRIMARY KEY, project TEXT NOT NULL, id TEXT NOT NULL,
        category TEXT NOT NULL, text TEXT NOT NULL, event_id TEXT, labelled_by TEXT, note TEXT,
        created_at_ms INTEGER NOT NULL) STRICT;
    CREATE INDEX exemplars_by_project ON exemplars(project, position);
    CREATE INDEX exemplars_by_event ON exemplars(project, event_id) WHERE event_id IS NOT NULL;
    CREATE TABLE exemplar_removals(exemplar INTEGER NOT NULL, project TEXT NOT NULL, removed INTEGER NOT NULL,
        PRIMARY KEY (exemplar, project)) STRICT, WITHOUT ROWID;"];
