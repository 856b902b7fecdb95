DROP TABLE views.cot_analyses;
DROP TABLE views.snapshots;
ALTER TABLE views.sessions DROP COLUMN verdict;
ALTER TABLE views.sessions DROP COLUMN firm_at;
ALTER TABLE views.sessions DROP COLUMN firm;
