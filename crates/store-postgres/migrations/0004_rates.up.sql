-- Rate limits: token buckets that all processes share. See src/rates.rs.

CREATE SCHEMA rates;

-- A bucket is the moment at which it is full again, in microseconds since 1970; one that is not here is full. After a crash
-- of the database all are: nothing is promised of them, so nothing is written ahead for them.
CREATE UNLOGGED TABLE rates.buckets (
    name       text COLLATE "C" PRIMARY KEY,
    full_at_us bigint           NOT NULL
) WITH (fillfactor = 50);

-- Takes one token from each bucket, or none from any: the rule of `domain::rate`, at one moment of this clock. Gives that
-- moment, and when each bucket was full before, in the order asked.
CREATE FUNCTION rates.take(names text[], interval_us bigint[], capacity_us bigint[],
    OUT now_us bigint, OUT full_at_us bigint[]) LANGUAGE plpgsql AS $$
DECLARE
    is_admitted boolean;
BEGIN
    -- Every bucket is made or locked, in the order of names, so that no two requests wait for each other.
    INSERT INTO rates.buckets AS kept (name, full_at_us)
        SELECT asked, 0 FROM unnest(names) AS asked ORDER BY asked COLLATE "C"
        ON CONFLICT (name) DO UPDATE SET full_at_us = kept.full_at_us WHERE false;
    -- Asked after the locks: whoever held them before was earlier.
    now_us := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    SELECT array_agg(kept.full_at_us ORDER BY n),
            bool_and(least(greatest(kept.full_at_us - now_us, 0), capacity) + interval <= capacity)
        INTO take.full_at_us, is_admitted
        FROM unnest(names, interval_us, capacity_us) WITH ORDINALITY AS asked (name, interval, capacity, n)
        JOIN rates.buckets AS kept USING (name);
    IF is_admitted THEN
        UPDATE rates.buckets AS kept
            SET full_at_us = now_us + least(greatest(kept.full_at_us - now_us, 0), capacity) + interval
            FROM unnest(names, interval_us, capacity_us) AS asked (name, interval, capacity)
            WHERE kept.name = asked.name;
    END IF;
END $$;
