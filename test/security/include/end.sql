\set ECHO none
\connect contrib_regression postgres
SET client_min_messages = warning;
DROP DATABASE :database WITH (FORCE);
DROP ROLE security_victim, security_reader, security_nobody, security_creator, security_other, security_dbo;
