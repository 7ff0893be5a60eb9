-- Who works here. utf8mb4_bin compares byte for byte, so that AbC and abc are two people.

CREATE TABLE IF NOT EXISTS ROLES (
    role_id TINYINT UNSIGNED NOT NULL PRIMARY KEY,
    name VARCHAR(16) NOT NULL UNIQUE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO ROLES (role_id, name) VALUES (1, 'ADMIN'), (2, 'SCIENTIST'), (3, 'AUDITOR')
    ON DUPLICATE KEY UPDATE name = VALUES(name);

CREATE TABLE IF NOT EXISTS USERS (
    user_id VARCHAR(30) NOT NULL PRIMARY KEY,
    name VARCHAR(128) NOT NULL,
    username VARCHAR(128) NOT NULL UNIQUE COMMENT 'the identity provider''s uid: the subject of tokens',
    email VARCHAR(254) NOT NULL,
    role_id TINYINT UNSIGNED NOT NULL,
    active BOOLEAN NOT NULL DEFAULT TRUE,
    CONSTRAINT USERS_ROLE FOREIGN KEY (role_id) REFERENCES ROLES (role_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
