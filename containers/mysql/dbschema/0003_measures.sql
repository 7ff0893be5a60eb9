-- What is measured. MEASURES is made for 1e10 rows: see docs/decisions/0002-measures-layout.md.
-- Sensors and publishers are VARBINARY because utf8mb4_bin still ignores trailing blanks when it compares.

CREATE TABLE IF NOT EXISTS MEASURE_TYPES (
    measure_type_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(64) NOT NULL UNIQUE,
    symbol VARCHAR(32) NOT NULL,
    quantity VARCHAR(128) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The 22 derived units with names of their own, the seven base units of the SI, and the unit one.
INSERT INTO MEASURE_TYPES (measure_type_id, name, symbol, quantity) VALUES
    (1, 'hertz', 'Hz', 'frequency'),
    (2, 'radian', 'rad', 'plane angle'),
    (3, 'steradian', 'sr', 'solid angle'),
    (4, 'newton', 'N', 'force'),
    (5, 'pascal', 'Pa', 'pressure'),
    (6, 'joule', 'J', 'energy'),
    (7, 'watt', 'W', 'power'),
    (8, 'coulomb', 'C', 'electric charge'),
    (9, 'volt', 'V', 'electric potential difference'),
    (10, 'farad', 'F', 'capacitance'),
    (11, 'ohm', 'Ω', 'electric resistance'),
    (12, 'siemens', 'S', 'electric conductance'),
    (13, 'weber', 'Wb', 'magnetic flux'),
    (14, 'tesla', 'T', 'magnetic flux density'),
    (15, 'henry', 'H', 'inductance'),
    (16, 'degree Celsius', '°C', 'Celsius temperature'),
    (17, 'lumen', 'lm', 'luminous flux'),
    (18, 'lux', 'lx', 'illuminance'),
    (19, 'becquerel', 'Bq', 'activity referred to a radionuclide'),
    (20, 'gray', 'Gy', 'absorbed dose'),
    (21, 'sievert', 'Sv', 'dose equivalent'),
    (22, 'katal', 'kat', 'catalytic activity'),
    (23, 'second', 's', 'time'),
    (24, 'metre', 'm', 'length'),
    (25, 'kilogram', 'kg', 'mass'),
    (26, 'ampere', 'A', 'electric current'),
    (27, 'kelvin', 'K', 'thermodynamic temperature'),
    (28, 'mole', 'mol', 'amount of substance'),
    (29, 'candela', 'cd', 'luminous intensity'),
    (30, 'one', '1', 'dimensionless number')
    ON DUPLICATE KEY UPDATE name = VALUES(name);

CREATE TABLE IF NOT EXISTS SERIES (
    series_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    experiment_id INT UNSIGNED NOT NULL,
    measure_type_id SMALLINT UNSIGNED NOT NULL,
    sensor VARBINARY(256) NOT NULL DEFAULT '' COMMENT 'UTF-8; empty: the instrument named none',
    UNIQUE KEY SERIES_IDENTITY (experiment_id, measure_type_id, sensor),
    CONSTRAINT SERIES_EXPERIMENT FOREIGN KEY (experiment_id) REFERENCES EXPERIMENTS (experiment_id),
    CONSTRAINT SERIES_MEASURE_TYPE FOREIGN KEY (measure_type_id) REFERENCES MEASURE_TYPES (measure_type_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS SERIES_COUNTS (
    series_id INT UNSIGNED NOT NULL PRIMARY KEY,
    measures BIGINT UNSIGNED NOT NULL,
    CONSTRAINT SERIES_COUNTS_SERIES FOREIGN KEY (series_id) REFERENCES SERIES (series_id)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS PUBLISHERS (
    publisher_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name VARBINARY(255) NOT NULL UNIQUE COMMENT 'the broker''s account, or a routing key'
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS MEASURE_BLOCKS (
    block_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'a process owns 2^20 measure ids per block',
    taken DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS MEASURES (
    series_id INT UNSIGNED NOT NULL,
    time BIGINT NOT NULL COMMENT 'nanoseconds since 1970 UTC',
    measure_id BIGINT UNSIGNED NOT NULL COMMENT 'tells equal measures apart; bit 63: the value is -0.0',
    value DOUBLE NOT NULL,
    received INT UNSIGNED NOT NULL COMMENT 'seconds since 1970 UTC',
    publisher_id SMALLINT UNSIGNED NOT NULL,
    PRIMARY KEY (series_id, time, measure_id)
) ENGINE = InnoDB;
