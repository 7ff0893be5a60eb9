-- Erasure: what is personal goes; the staff id stays, so that the audit keeps its meaning and nobody else is given it.

ALTER TABLE USERS
    MODIFY name VARCHAR(128) NULL COMMENT 'NULL: erased',
    MODIFY username VARCHAR(128) NULL COMMENT 'the identity provider''s uid: the subject of tokens; NULL: erased',
    MODIFY email VARCHAR(254) NULL COMMENT 'NULL: erased',
    ADD COLUMN erased DATETIME(6) NULL COMMENT 'when it was; NULL: it was not';
