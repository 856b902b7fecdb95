DROP TABLE views.authors;
DROP TABLE views.exemplar_hits;
ALTER TABLE views.assessments DROP COLUMN detail;
