-- Keys for programs. Of a key only a digest is kept, so whoever reads this table can use none of them.

CREATE TABLE IF NOT EXISTS API_KEYS (
    key_id CHAR(16) NOT NULL PRIMARY KEY COMMENT 'public: in the key, in lists and in the audit',
    digest BINARY(32) NOT NULL COMMENT 'SHA-256 of the whole key',
    user_id VARCHAR(30) NOT NULL,
    label VARCHAR(64) NOT NULL,
    experiment_id INT UNSIGNED NULL COMMENT 'whose measures alone it reads; NULL: it reads what its user may read',
    created DATETIME(6) NOT NULL,
    created_by VARCHAR(30) NOT NULL COMMENT 'staff id',
    expires DATETIME(6) NOT NULL,
    KEY API_KEYS_WHO (user_id, created),
    CONSTRAINT API_KEYS_USER FOREIGN KEY (user_id) REFERENCES USERS (user_id),
    CONSTRAINT API_KEYS_EXPERIMENT FOREIGN KEY (experiment_id) REFERENCES EXPERIMENTS (experiment_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

ALTER TABLE AUDIT ADD COLUMN key_id CHAR(16) NULL COMMENT 'the API key that was shown; NULL: a person''s token';
