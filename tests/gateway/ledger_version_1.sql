-- A ledger.db of schema version 1: made by the program that wrote it, never to be changed.
PRAGMA user_version=1;
BEGIN TRANSACTION;
CREATE TABLE password (one INTEGER PRIMARY KEY CHECK (one = 1), hash TEXT NOT NULL, set_at INTEGER NOT NULL) STRICT;
CREATE TABLE session (
    id INTEGER PRIMARY KEY, token BLOB NOT NULL UNIQUE, opened_at INTEGER NOT NULL, seen_at INTEGER NOT NULL,
    address TEXT NOT NULL, agent TEXT NOT NULL
) STRICT;
INSERT INTO "password" VALUES(1,'scrypt$32768$8$1$c2FsdA==$a2V5',1790000000);
INSERT INTO "session" VALUES(1,X'746F6B656E',1790000000,1790000600,'192.0.2.1','a browser');
COMMIT;
