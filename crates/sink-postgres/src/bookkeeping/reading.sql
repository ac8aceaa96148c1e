-- What apps ask: see docs/reading.md. Both run with the rights of whoever asks, and look up no name
-- in a schema that somebody else could have put something into. Tables that are being filled or are
-- only kept count for nothing. This text is the current one: each migration that changes it runs it again.

CREATE OR REPLACE FUNCTION ampsync.safe_block(network text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 10000 SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    chosen text := safe_block.network;
    networks text[];
    unbegun bigint;
    members bigint;
    lowest bigint;
    settled bigint;
    depth bigint;
    bottom bigint;
    agreed bigint;
BEGIN
    SELECT array_agg(DISTINCT c.network ORDER BY c.network) FILTER (WHERE c.network IS NOT NULL),
           count(*) FILTER (WHERE c.network IS NULL)
    INTO networks, unbegun FROM ampsync.checkpoints c WHERE c.kind = 'current';
    IF chosen IS NULL AND cardinality(networks) > 1 THEN
        RAISE EXCEPTION 'the tables are of several networks, whose blocks cannot be compared: %',
            array_to_string(networks, ', ')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('Name one of them: ampsync.safe_block(%L).', networks[1]);
    ELSIF unbegun = 0 AND NOT chosen = ANY (networks) THEN
        RAISE EXCEPTION 'no table is of network %: there are %',
            quote_literal(chosen), array_to_string(networks, ', ')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('Name one of them: ampsync.safe_block(%L).', networks[1]);
    ELSIF unbegun > 0 OR networks IS NULL THEN
        -- A table that has nothing yet may be of any network.
        RETURN NULL;
    END IF;
    chosen := coalesce(chosen, networks[1]);

    SELECT count(*), min(c.cursor_block) INTO members, lowest
    FROM ampsync.checkpoints c WHERE c.kind = 'current' AND c.network = chosen;

    -- What lies below a ledger that was cut for its length can no longer change.
    SELECT CASE WHEN bool_and(coalesce(l.start_block > c.first_block, false))
                THEN min(l.start_block) - 1 END
    INTO settled
    FROM ampsync.checkpoints c LEFT JOIN LATERAL (
        SELECT r.start_block FROM ampsync.ranges r
        WHERE r.table_schema = c.table_schema AND r.table_name = c.table_name
        ORDER BY r.end_block LIMIT 1
    ) l ON true
    WHERE c.kind = 'current' AND c.network = chosen;

    -- The highest block whose hash every table knows, and knows to be the same. At the head it is
    -- the first that is looked at, so that a long ledger is seldom read whole.
    FOREACH depth IN ARRAY ARRAY[64, 2048, 9223372036854775807] LOOP
        bottom := greatest(lowest - depth, settled, -1);
        SELECT max(a.block) INTO agreed FROM (
            SELECT k.block FROM (
                SELECT c.table_schema, c.table_name, c.cursor_block AS block, c.cursor_hash AS hash
                FROM ampsync.checkpoints c WHERE c.kind = 'current' AND c.network = chosen
                UNION
                SELECT r.table_schema, r.table_name, e.block, e.hash
                FROM ampsync.checkpoints c
                JOIN ampsync.ranges r
                  ON r.table_schema = c.table_schema AND r.table_name = c.table_name
                CROSS JOIN LATERAL (
                    VALUES (r.end_block, r.hash), (r.start_block - 1, r.prev_hash)
                ) e (block, hash)
                WHERE c.kind = 'current' AND c.network = chosen AND r.end_block > bottom AND r.start_block <= lowest + 1
                  AND e.hash IS NOT NULL AND e.block >= c.first_block
            ) k
            WHERE k.block > bottom AND k.block <= lowest
            GROUP BY k.block, k.hash HAVING count(*) = members
        ) a;
        EXIT WHEN agreed IS NOT NULL OR bottom <= greatest(settled, -1);
    END LOOP;
    RETURN coalesce(agreed, settled);
END
$body$;
COMMENT ON FUNCTION ampsync.safe_block(text) IS 'The highest block that every table of the network has complete and on the same fork. NULL: there is none yet.';

CREATE OR REPLACE FUNCTION ampsync.wait_for_block(target regclass, block bigint, timeout interval)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    deadline timestamptz := clock_timestamp() + timeout;
    pause double precision := 0.005;
    remaining double precision;
    in_schema text;
    called text;
    reached boolean;
    known boolean := false;
BEGIN
    IF target IS NULL OR block IS NULL OR timeout IS NULL THEN
        RAISE EXCEPTION 'ampsync.wait_for_block needs a table, a block and a timeout, and none of them may be NULL'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'As in ampsync.wait_for_block(''public.logs'', 123, ''10 seconds'').';
    END IF;
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'ampsync.wait_for_block would never see a new block: this transaction is %, and sees the database as it was when it began',
            upper(current_setting('transaction_isolation'))
            USING ERRCODE = 'invalid_transaction_state',
                  HINT = 'Wait before that transaction begins, outside of any or in one that is READ COMMITTED.';
    END IF;
    SELECT n.nspname, c.relname INTO in_schema, called
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = target;
    LOOP
        -- Each look is a statement of its own, with a snapshot of its own.
        SELECT c.cursor_block >= wait_for_block.block INTO reached
        FROM ampsync.checkpoints c WHERE c.table_schema = in_schema AND c.table_name = called;
        IF NOT FOUND AND NOT known THEN
            RAISE EXCEPTION 'ampsync does not keep table %', target
                USING ERRCODE = 'undefined_table',
                      HINT = 'SELECT table_schema, table_name FROM ampsync.checkpoints tells which it keeps. A table is among them once ampsync has begun it.';
        END IF;
        known := true;
        IF reached THEN
            RETURN true;
        END IF;
        remaining := extract(epoch FROM deadline - clock_timestamp());
        IF remaining <= 0 THEN
            RETURN false;
        END IF;
        PERFORM pg_sleep(least(pause, remaining));
        pause := least(pause * 2, 0.25);
    END LOOP;
END
$body$;
COMMENT ON FUNCTION ampsync.wait_for_block(regclass, bigint, interval) IS 'Waits until the table has the block complete: true. False: it had not before the time was over.';
