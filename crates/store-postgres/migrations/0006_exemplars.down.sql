DROP TABLE control.exemplar_removals;
DROP TABLE control.exemplars;
