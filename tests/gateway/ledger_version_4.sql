-- A ledger.db of schema version 4: made by the program that wrote it, never to be changed.
PRAGMA user_version=4;
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
INSERT INTO "entry" VALUES(1,1790000000,'given','{"by":{"address":"192.0.2.7","agent":"Firefox, Android"},"delay_s":0,"from":1790000000,"grant":"00000000000000aa","operator":"moi","past":true,"purpose":"garder mes relevés","resolution":"30min","series":[{"kind":"index","medium":"electricity","name":"Maison","quantity":"energy","series":"maison:EAST:0","unit":"Wh"}],"target":"Mon nuage","until":1792592000,"way":{"address":"https://cloud.example/dav/","at_home":false,"form":"files","kind":"webdav","sealed_for":[],"user":"ada"}}',X'819D2D2893665ABA659E94D3BA6C5599BD0EE35F0B097F1680F3D306D614DD13');
INSERT INTO "entry" VALUES(2,1790000000,'read','{"grant":"a"}',X'725536C65E431F994F139EF6151FE8614A61ABCE73788ECB68E41CA2CA7B1454');
CREATE TABLE handover (
    one INTEGER PRIMARY KEY CHECK (one = 1), since INTEGER NOT NULL, hash TEXT, until INTEGER, taken_at INTEGER
) STRICT;
CREATE TABLE parcel (
    grant_id TEXT NOT NULL, period TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, sha256 TEXT NOT NULL,
    points INTEGER NOT NULL, revision INTEGER NOT NULL, held TEXT NOT NULL, PRIMARY KEY (grant_id, period)
) STRICT, WITHOUT ROWID;
INSERT INTO "parcel" VALUES('00000000000000aa','2026-09-16',1789509600,1789596000,'abababababababababababababababababababababababababababababababab',48,1,'at 0');
INSERT INTO "parcel" VALUES('00000000000000aa','2026-09-17',1789596000,1789682400,'underway',48,1,'at 1');
INSERT INTO "parcel" VALUES('00000000000000aa','2026-09-18',1789682400,1789768800,'taken',48,1,'at 2');
INSERT INTO "parcel" VALUES('00000000000000aa','2026-09-19',1789768800,1789855200,'taken, underway',48,1,'at 3');
INSERT INTO "parcel" VALUES('00000000000000aa','2026-09-20',1789855200,1789941600,'lost cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd',48,1,'at 4');
CREATE TABLE session (
    id INTEGER PRIMARY KEY, token BLOB NOT NULL UNIQUE, opened_at INTEGER NOT NULL, seen_at INTEGER NOT NULL,
    address TEXT NOT NULL, agent TEXT NOT NULL
, account INTEGER NOT NULL DEFAULT 1) STRICT;
INSERT INTO "session" VALUES(1,X'746F6B656E',1790000000,1790000000,'192.0.2.1','a browser',1);
CREATE INDEX entry_of_grant ON entry (json_extract(body, '$.grant'), i);
CREATE TRIGGER entry_added BEFORE INSERT ON entry WHEN NEW.i IS NOT (SELECT coalesce(max(i), 0) + 1 FROM entry)
    BEGIN SELECT RAISE(ABORT, 'an entry follows the last one'); END;
CREATE TRIGGER entry_changed BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'an entry is never changed'); END;
CREATE TRIGGER entry_removed BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'an entry is never removed'); END;
CREATE INDEX entry_of_consent ON entry (i) WHERE kind NOT IN ('read', 'reads', 'sending', 'sent', 'erased');
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('account',1);
COMMIT;
