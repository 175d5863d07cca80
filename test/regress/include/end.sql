-- Ends what begin.sql began.
\connect contrib_regression
DROP DATABASE :database;
