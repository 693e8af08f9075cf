-- What a PostgreSQL that receives readings needs: run once by whoever owns the database, as a role that no box has.
--     createdb releve && psql -v ON_ERROR_STOP=1 -d releve -f postgresql.sql
-- Each box, or each grant, gets a role of its own (docs/databases.md):
--     CREATE ROLE box_0001 LOGIN PASSWORD '...' CONNECTION LIMIT 4 IN ROLE releve_box;
-- A role sees and changes its own rows only; whoever ran this file sees all of them.

BEGIN;

CREATE ROLE releve_box NOLOGIN;

CREATE SCHEMA releve;

CREATE TABLE releve.series (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    role name NOT NULL DEFAULT session_user,
    grant_id text NOT NULL,
    series text NOT NULL,
    medium text NOT NULL,
    quantity text NOT NULL,
    unit text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('index', 'level')),
    UNIQUE (role, grant_id, series)
);

-- An index: what it was at `at`. A level: its mean from `at` until `until`, or the figure at `at` where `until` is null.
-- `period` is when the period began that the figure was sent with: a figure at its end is the next one's to replace.
CREATE TABLE releve.readings (
    series_id bigint NOT NULL REFERENCES releve.series ON DELETE CASCADE,
    at timestamptz NOT NULL,
    until timestamptz,
    value numeric NOT NULL,
    period timestamptz NOT NULL,
    PRIMARY KEY (series_id, at)
);

-- session_user, and not current_user: SET ROLE does not change it.
ALTER TABLE releve.series ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON releve.series TO releve_box USING (role = session_user) WITH CHECK (role = session_user);

ALTER TABLE releve.readings ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON releve.readings TO releve_box
    USING (EXISTS (SELECT FROM releve.series WHERE series.id = series_id AND series.role = session_user))
    WITH CHECK (EXISTS (SELECT FROM releve.series WHERE series.id = series_id AND series.role = session_user));

GRANT USAGE ON SCHEMA releve TO releve_box;
GRANT SELECT, DELETE ON releve.series, releve.readings TO releve_box;
GRANT INSERT (grant_id, series, medium, quantity, unit, kind) ON releve.series TO releve_box;
GRANT UPDATE (medium, quantity, unit, kind) ON releve.series TO releve_box;
GRANT INSERT ON releve.readings TO releve_box;

COMMIT;
