-- How much of the quarantine each publisher takes, kept in the transactions that change it: the guard reads it every few
-- seconds. Bytes are those of bodies and properties.

CREATE TABLE IF NOT EXISTS QUARANTINE_USAGE (
    publisher VARBINARY(255) NOT NULL PRIMARY KEY,
    items BIGINT UNSIGNED NOT NULL,
    bytes BIGINT UNSIGNED NOT NULL
) ENGINE = InnoDB;

INSERT INTO QUARANTINE_USAGE (publisher, items, bytes)
    SELECT publisher, COUNT(*), SUM(size + LENGTH(headers)) FROM QUARANTINE GROUP BY publisher
    ON DUPLICATE KEY UPDATE items = VALUES(items), bytes = VALUES(bytes);

CREATE INDEX QUARANTINE_REASON ON QUARANTINE (reason);

CREATE INDEX QUARANTINE_PUBLISHER ON QUARANTINE (publisher, reason);
