-- Since when a username is its user's: a token that was issued before speaks for whoever had the username then.
-- NULL for who is there already, so that nobody need sign in again: no token is older than a day.

ALTER TABLE USERS ADD COLUMN username_since DATETIME(6) NULL COMMENT 'NULL: since before this was kept, or erased';
