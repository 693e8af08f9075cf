-- A ledger.db of schema version 3: made by the program that wrote it, never to be changed.
PRAGMA user_version=3;
BEGIN TRANSACTION;
CREATE TABLE entry (
    i INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, hash BLOB NOT NULL
) STRICT;
INSERT INTO "entry" VALUES(1,1790000000,'given','{"grant":"a"}',X'989C01E4B5AEE5759B8A1420B34B42D6C32A805847B21460312FDCE012549957');
INSERT INTO "entry" VALUES(2,1790000000,'read','{"grant":"a"}',X'43EE575AC68720613FB1DD8E6DF273372F3C3AAE6C465B9AFB59B5341749AE7F');
CREATE TABLE parcel (
    grant_id TEXT NOT NULL, period TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, sha256 TEXT NOT NULL,
    points INTEGER NOT NULL, revision INTEGER NOT NULL, held TEXT NOT NULL, PRIMARY KEY (grant_id, period)
) STRICT, WITHOUT ROWID;
INSERT INTO "parcel" VALUES('a','2026-09',1788000000,1790000000,'00',3,1,'x');
CREATE TABLE password (one INTEGER PRIMARY KEY CHECK (one = 1), hash TEXT NOT NULL, set_at INTEGER NOT NULL) STRICT;
INSERT INTO "password" VALUES(1,'scrypt$32768$8$1$c2FsdA==$a2V5',1790000000);
CREATE TABLE session (
    id INTEGER PRIMARY KEY, token BLOB NOT NULL UNIQUE, opened_at INTEGER NOT NULL, seen_at INTEGER NOT NULL,
    address TEXT NOT NULL, agent TEXT NOT NULL
) STRICT;
INSERT INTO "session" VALUES(1,X'746F6B656E',1790000000,1790000000,'192.0.2.1','a browser');
CREATE INDEX entry_of_grant ON entry (json_extract(body, '$.grant'), i);
CREATE TRIGGER entry_added BEFORE INSERT ON entry WHEN NEW.i IS NOT (SELECT coalesce(max(i), 0) + 1 FROM entry)
    BEGIN SELECT RAISE(ABORT, 'an entry follows the last one'); END;
CREATE TRIGGER entry_changed BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'an entry is never changed'); END;
CREATE TRIGGER entry_removed BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'an entry is never removed'); END;
CREATE INDEX entry_of_consent ON entry (i) WHERE kind NOT IN ('read', 'reads', 'sending', 'sent', 'erased');
COMMIT;
