-- Several revisions of a table, of which one is current.
ALTER TABLE ampsync.checkpoints
    ADD COLUMN kind text NOT NULL DEFAULT 'current'
        CONSTRAINT checkpoints_kind CHECK (kind IN ('current', 'next', 'previous', 'rejected')),
    ADD COLUMN of_table text,
    ADD COLUMN replaced_at timestamptz,
    ADD COLUMN block_column text;
COMMENT ON COLUMN ampsync.checkpoints.kind IS 'current: the table that is read. next: being filled to take its place. previous, rejected: kept, after it was replaced by a newer one or by a rollback.';
COMMENT ON COLUMN ampsync.checkpoints.of_table IS 'The table that it is another revision of; NULL for a current one.';
COMMENT ON COLUMN ampsync.checkpoints.replaced_at IS 'When it was replaced.';
COMMENT ON COLUMN ampsync.checkpoints.block_column IS 'The column with the block numbers, where it is not _block_num.';

