-- What the listener remembers of messages, and what it could not store.

CREATE TABLE IF NOT EXISTS MESSAGE_IDS (
    publisher_id SMALLINT UNSIGNED NOT NULL,
    message_id VARBINARY(255) NOT NULL,
    body_hash BINARY(16) NOT NULL COMMENT 'BLAKE2b-128 of the body',
    seen INT UNSIGNED NOT NULL COMMENT 'seconds since 1970 UTC',
    PRIMARY KEY (publisher_id, message_id)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS QUARANTINE (
    quarantine_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    received DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    reason VARCHAR(24) NOT NULL,
    publisher VARBINARY(255) NOT NULL,
    routing_key VARBINARY(255) NOT NULL,
    message_id VARBINARY(255) NULL,
    element INT UNSIGNED NULL COMMENT 'index in the array; NULL: the whole message',
    experiment VARCHAR(64) NULL COMMENT 'the experiment that it names',
    headers LONGTEXT NOT NULL COMMENT 'the message''s properties as JSON',
    size INT UNSIGNED NOT NULL COMMENT 'bytes of the body',
    body LONGBLOB NOT NULL,
    KEY QUARANTINE_EXPERIMENT (experiment, reason)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
