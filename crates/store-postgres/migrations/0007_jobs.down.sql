DROP FUNCTION control.lease_jobs(text[], bigint, timestamptz, timestamptz);
DROP TABLE control.dead_jobs;
DROP TABLE control.jobs;
DROP TABLE control.job_completions;
DROP TABLE control.job_kinds;
