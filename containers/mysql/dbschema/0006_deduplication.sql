-- Ids of messages are forgotten after DEDUPLICATION_DAYS, the oldest first.

ALTER TABLE MESSAGE_IDS ADD INDEX MESSAGE_IDS_SEEN (seen);
