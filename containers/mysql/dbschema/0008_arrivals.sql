-- In which order measures came to an experiment, so that whoever keeps a copy misses none: see docs/decisions/0017.
-- The listener must be stopped while this file is applied: it counts what is there as the first arrival.

CREATE TABLE IF NOT EXISTS ARRIVAL_COUNTS (
    experiment_id INT UNSIGNED NOT NULL PRIMARY KEY COMMENT 'locked until the commit of what it numbers',
    arrivals BIGINT UNSIGNED NOT NULL,
    CONSTRAINT ARRIVAL_COUNTS_EXPERIMENT FOREIGN KEY (experiment_id) REFERENCES EXPERIMENTS (experiment_id)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS ARRIVALS (
    experiment_id INT UNSIGNED NOT NULL,
    arrival BIGINT UNSIGNED NOT NULL COMMENT 'from 1 on, in the order of the commits',
    first_time BIGINT NOT NULL,
    first_id BIGINT UNSIGNED NOT NULL,
    last_time BIGINT NOT NULL,
    last_id BIGINT UNSIGNED NOT NULL COMMENT 'without bit 63 of a measure''s id',
    measures BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (experiment_id, arrival, first_time, first_id)
) ENGINE = InnoDB;

INSERT IGNORE INTO ARRIVALS (experiment_id, arrival, first_time, first_id, last_time, last_id, measures)
    SELECT s.experiment_id, 1, 0, 0, 9223372036854775807,
        (SELECT ((COALESCE(MAX(block_id), 0) + 1) << 20) - 1 FROM MEASURE_BLOCKS), SUM(c.measures)
    FROM SERIES s JOIN SERIES_COUNTS c ON c.series_id = s.series_id GROUP BY s.experiment_id;

INSERT IGNORE INTO ARRIVAL_COUNTS (experiment_id, arrivals) SELECT experiment_id, 1 FROM ARRIVALS WHERE arrival = 1;
