-- A ledger.db of schema version 7: made by the program that wrote it, never to be changed.
PRAGMA user_version=7;
BEGIN TRANSACTION;
CREATE TABLE account (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    role TEXT NOT NULL UNIQUE CHECK (role IN ('occupant', 'guest', 'installer', 'landlord')),
    name TEXT NOT NULL, hash TEXT NOT NULL, set_at INTEGER NOT NULL, until INTEGER
) STRICT;
INSERT INTO "account" VALUES(1,'occupant','','scrypt$32768$8$1$c2FsdA==$a2V5',1790000000,NULL);
CREATE TABLE entry (
    i INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, hash BLOB NOT NULL
) STRICT;
INSERT INTO "entry" VALUES(1,1790000000,'given','{"grant":"a"}',X'989C01E4B5AEE5759B8A1420B34B42D6C32A805847B21460312FDCE012549957');
INSERT INTO "entry" VALUES(2,1790000000,'read','{"grant":"a"}',X'43EE575AC68720613FB1DD8E6DF273372F3C3AAE6C465B9AFB59B5341749AE7F');
CREATE TABLE handover (
    one INTEGER PRIMARY KEY CHECK (one = 1), since INTEGER NOT NULL, hash TEXT, until INTEGER, taken_at INTEGER
) STRICT;
CREATE TABLE message (
    grant_id TEXT NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL, told_at INTEGER, PRIMARY KEY (grant_id, name)
) STRICT, WITHOUT ROWID;
INSERT INTO "message" VALUES('a','leak-1-0',1790000000,NULL);
INSERT INTO "message" VALUES('a','leak-1-3',1790000000,1790000060);
CREATE TABLE page (grant_id TEXT PRIMARY KEY, address TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO "page" VALUES('a','http://192.0.2.9/');
CREATE TABLE parcel (
    grant_id TEXT NOT NULL, period TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, sha256 TEXT NOT NULL,
    points INTEGER NOT NULL, revision INTEGER NOT NULL, held TEXT NOT NULL, kept TEXT NOT NULL DEFAULT '', PRIMARY KEY (grant_id, period)
) STRICT, WITHOUT ROWID;
INSERT INTO "parcel" VALUES('a','2026-09',1788000000,1790000000,'00',3,1,'x','');
CREATE TABLE session (
    id INTEGER PRIMARY KEY, token BLOB NOT NULL UNIQUE, opened_at INTEGER NOT NULL, seen_at INTEGER NOT NULL,
    address TEXT NOT NULL, agent TEXT NOT NULL
, account INTEGER NOT NULL DEFAULT 1) STRICT;
INSERT INTO "session" VALUES(1,X'746F6B656E',1790000000,1790000000,'192.0.2.1','a browser',1);
CREATE TABLE story (
    id INTEGER PRIMARY KEY AUTOINCREMENT, service TEXT NOT NULL, point TEXT NOT NULL, kind TEXT NOT NULL,
    since INTEGER NOT NULL, grounds TEXT NOT NULL, rank INTEGER NOT NULL, found_at INTEGER NOT NULL,
    worst INTEGER NOT NULL, raised_at INTEGER NOT NULL, seen_at INTEGER, snoozed_until INTEGER, solved_at INTEGER
) STRICT;
INSERT INTO "story" VALUES(1,'leak','eau','drip',1789990000,'{"l_per_h": 3.0, "lost_l": 9.0}',0,1790000000,0,1790000000,NULL,NULL,NULL);
CREATE INDEX entry_of_grant ON entry (json_extract(body, '$.grant'), i);
CREATE TRIGGER entry_added BEFORE INSERT ON entry WHEN NEW.i IS NOT (SELECT coalesce(max(i), 0) + 1 FROM entry)
    BEGIN SELECT RAISE(ABORT, 'an entry follows the last one'); END;
CREATE TRIGGER entry_changed BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'an entry is never changed'); END;
CREATE TRIGGER entry_removed BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'an entry is never removed'); END;
CREATE INDEX parcel_open ON parcel (grant_id, start) WHERE sha256 IN ('taken', 'taken, underway', 'underway');
CREATE INDEX parcel_kept ON parcel (grant_id, stop) WHERE kept <> '';
CREATE UNIQUE INDEX story_open ON story (service, point) WHERE solved_at IS NULL;
CREATE INDEX entry_of_consent ON entry (i)
    WHERE kind NOT IN ('read', 'reads', 'sending', 'sent', 'erased', 'telling', 'told');
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('account',1);
INSERT INTO "sqlite_sequence" VALUES('story',1);
COMMIT;
