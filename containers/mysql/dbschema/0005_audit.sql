-- Who did what: staff ids and objects, never a name. The application may insert and read, nothing else.

CREATE TABLE IF NOT EXISTS AUDIT (
    audit_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    actor VARCHAR(30) NOT NULL COMMENT 'staff id',
    verb VARCHAR(32) NOT NULL,
    object VARCHAR(128) NOT NULL,
    outcome VARCHAR(16) NOT NULL,
    trace_id CHAR(32) NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
