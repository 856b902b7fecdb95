-- Control: labelled texts. What the log's label events said, kept for longer than the log keeps them.

CREATE TABLE control.exemplars (
    position    bigint           PRIMARY KEY,
    project     text COLLATE "C" NOT NULL,
    id          text             NOT NULL,
    category    text             NOT NULL,
    text        text             NOT NULL,
    event_id    text,
    labelled_by text,
    note        text,
    created_at  timestamptz      NOT NULL
);

CREATE INDEX exemplars_by_project ON control.exemplars (project, position);

CREATE INDEX exemplars_by_event ON control.exemplars (project, event_id) WHERE event_id IS NOT NULL;

-- Apart from the exemplars: of two workers, one may tell of a removal before the other has told of the label.
CREATE TABLE control.exemplar_removals (
    exemplar bigint           NOT NULL,
    project  text COLLATE "C" NOT NULL,
    removed  bigint           NOT NULL,
    PRIMARY KEY (exemplar, project)
);

CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON control.exemplars
    FOR EACH STATEMENT EXECUTE FUNCTION control.changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON control.exemplar_removals
    FOR EACH STATEMENT EXECUTE FUNCTION control.changed();
