\connect :"runner_database"
SET client_min_messages = warning;
DROP DATABASE :"database" WITH (FORCE);
