use std::fmt::Write as _;

use ampsync_manifest::Manifest;
use ampsync_manifest::query::{Names, select_all_by_version, streamable};
use expect_test::{Expect, expect};

use crate::read;

const CONFIG: &str = r#"{
    "namespace": "my", "name": "app", "version": "2.0.0",
    "dependencies": {
        "eth": "org/mainnet@1.0.0",
        "base": "base_rpc@latest",
        "Sol": "sol",
        "old": {"owner": "x", "name": "legacy", "version": "^1.0"}
    },
    "functions": {
        "addSuffix": {"inputTypes": ["Utf8"], "outputType": "Utf8",
                      "source": {"source": "function addSuffix(s) { return s }", "filename": "a.js"}}
    },
    "tables": {"t": {"sql": "SELECT 1"}}
}"#;

fn manifest(config: &str) -> Manifest {
    read("nozzle.config.json", config).unwrap()
}

fn rewrite(manifest: &Manifest, sql: &str) -> Result<(String, String), String> {
    let own = manifest.dataset();
    let names = Names {
        own: own.as_ref(),
        dependencies: manifest.dependencies(),
        functions: manifest.functions(),
    };
    let query = streamable(&"t".parse().unwrap(), sql, &names);
    query.map(|query| (query.sql, query.block_column)).map_err(|problems| problems.to_string())
}

/// Every query, and what becomes of it. What is streamable stays as it is when it is made so again.
fn check(queries: &[&str], expected: Expect) {
    check_with(&manifest(CONFIG), queries, expected);
}

fn check_with(manifest: &Manifest, queries: &[&str], expected: Expect) {
    let mut text = String::new();
    for sql in queries {
        match rewrite(manifest, sql) {
            Ok((rewritten, column)) => {
                assert_eq!(
                    rewrite(manifest, &rewritten).as_ref(),
                    Ok(&(rewritten.clone(), column.clone())),
                    "{sql}"
                );
                write!(text, "{rewritten}").unwrap();
                if column != "_block_num" {
                    write!(text, "\n    by {column}").unwrap();
                }
            }
            Err(problems) => text.push_str(&problems),
        }
        text.push('\n');
    }
    expected.assert_eq(&text);
}

#[test]
fn names_of_datasets_become_references() {
    check(
        &[
            "SELECT * FROM eth.logs",
            "select * from ETH.logs as l",
            "SELECT * FROM \"eth\".logs",
            "SELECT * FROM base.\"Logs\"",
            "SELECT * FROM sol.logs",
            "SELECT * FROM mainnet.logs",
            "SELECT * FROM self.blocks",
            "SELECT * FROM app.blocks",
            "SELECT * FROM \"org/mainnet@1.0.0\".logs",
            "SELECT * FROM \"other@dev\".logs",
            "SELECT _block_num, eth.eth_call(address, data) FROM eth.logs",
        ],
        expect![[r#"
            SELECT * FROM "org/mainnet@1.0.0".logs
            select * from "org/mainnet@1.0.0".logs as l
            SELECT * FROM "org/mainnet@1.0.0".logs
            SELECT * FROM "_/base_rpc@latest"."Logs"
            SELECT * FROM sol.logs
            SELECT * FROM "org/mainnet@1.0.0".logs
            SELECT * FROM "my/app@2.0.0".blocks
            SELECT * FROM "my/app@2.0.0".blocks
            SELECT * FROM "org/mainnet@1.0.0".logs
            SELECT * FROM "other@dev".logs
            SELECT _block_num, "org/mainnet@1.0.0".eth_call(address, data) FROM "org/mainnet@1.0.0".logs
        "#]],
    );
}

#[test]
fn names_that_mean_nothing_are_refused() {
    check(
        &[
            "SELECT * FROM eht.logs",
            "SELECT * FROM logs",
            "SELECT * FROM amp.eth.logs",
            "SELECT * FROM old.logs",
            "SELECT * FROM \"Org/Main\".logs",
            "SELECT addsuffix(data) FROM eth.logs",
            "SELECT self.addSuffix(data) FROM eth.logs",
            "SELECT nope.f(data) FROM eth.logs",
            "SELECT _block_num AS _b,\n  hash AS _hash\nFROM eth.blocks AS _x",
        ],
        expect![[r#"
            t:1:15: `eht` is no alias of a dependency (add it to `dependencies`, which has eth, base, Sol, old, or write "namespace/name@revision".table)
            t:1:15: `logs` does not say of which dataset it is (write the alias of a dependency before it: alias.logs)
            t:1:15: amp.eth.logs is not of the form dataset.table (write the dataset and the table, no more)
            t:1:15: the dependency `old` asks for "^1.0", which is no single revision (name one in `dependencies`, such as "old": "ns/name@1.0.0")
            t:1:15: "Org" is not a namespace: expected lower-case letters, digits and _ (write "namespace/name@revision".table)
            t:1:8: addsuffix() is a function of this dataset, which only its build has (do without it, or stream the built table with QUERY_MODE=table)
            t:1:8: self.addSuffix() is a function of this dataset, which only its build has (do without it, or stream the built table with QUERY_MODE=table)
            t:1:8: `nope` is no alias of a dependency (add it to `dependencies`, which has eth, base, Sol, old, or write "namespace/name@revision".table)
            t:1:22: the alias _b starts with _, which the server reserves (choose another one)
            t:2:11: the alias _hash starts with _, which the server reserves (choose another one)
            t:3:20: the alias _x starts with _, which the server reserves (choose another one)
        "#]],
    );
    let nameless = r#"{"kind": "manifest", "dependencies": {"eth": "eth", "b": "x/eth@1.0.0"},
                       "tables": {"t": {"input": {"sql": "SELECT 1"}}}}"#;
    check_with(
        &manifest(nameless),
        &["SELECT * FROM self.blocks", "SELECT * FROM eth.blocks", "SELECT * FROM b.blocks"],
        expect![[r#"
            t:1:15: `self` is this dataset, whose name is not known (set DATASET, or add a `name` to the config)
            SELECT * FROM eth.blocks
            SELECT * FROM "x/eth@1.0.0".blocks
        "#]],
    );
    let crossed =
        r#"{"name": "app", "dependencies": {"a": "b", "b": "c"}, "tables": {"t": {"sql": "x"}}}"#;
    check_with(
        &manifest(crossed),
        &["SELECT * FROM a.t", "SELECT * FROM b.t", "SELECT * FROM c.t"],
        expect![[r#"
            SELECT * FROM "_/b".t
            SELECT * FROM c.t
            SELECT * FROM c.t
        "#]],
    );
}

#[test]
fn the_block_number_is_selected_where_it_is_not() {
    check(
        &[
            "SELECT _block_num, hash FROM eth.blocks",
            "SELECT hash, b._block_num FROM eth.blocks b",
            "SELECT hash, _block_num AS block FROM eth.blocks",
            "SELECT hash FROM eth.blocks",
            "SELECT ALL hash FROM eth.blocks",
            "SELECT b.*, 1 AS one FROM eth.blocks b",
            "SELECT * EXCEPT (hash) FROM eth.blocks",
            "SELECT * FROM (SELECT hash FROM eth.blocks) AS b",
            "SELECT hash FROM (SELECT hash FROM (SELECT * FROM eth.blocks))",
            "SELECT hash FROM (SELECT _block_num AS n, hash FROM eth.blocks) AS b",
            "WITH b AS (SELECT hash FROM eth.blocks) SELECT hash FROM b",
            "WITH b AS (SELECT hash FROM eth.blocks), c AS (SELECT * FROM b) SELECT * FROM c",
            "SELECT hash FROM eth.blocks UNION ALL SELECT tx_hash FROM eth.logs",
            "(SELECT * FROM eth.logs) UNION ALL SELECT * FROM base.logs UNION ALL SELECT * FROM self.logs",
            "SELECT unnest(topics) AS topic FROM eth.logs",
            "SELECT t FROM eth.logs CROSS JOIN UNNEST(topics) AS u(t)",
        ],
        expect![[r#"
            SELECT _block_num, hash FROM "org/mainnet@1.0.0".blocks
            SELECT hash, b._block_num FROM "org/mainnet@1.0.0".blocks b
            SELECT hash, _block_num AS block FROM "org/mainnet@1.0.0".blocks
                by block
            SELECT _block_num, hash FROM "org/mainnet@1.0.0".blocks
            SELECT ALL _block_num, hash FROM "org/mainnet@1.0.0".blocks
            SELECT b.*, 1 AS one FROM "org/mainnet@1.0.0".blocks b
            SELECT * EXCEPT (hash) FROM "org/mainnet@1.0.0".blocks
            SELECT * FROM (SELECT _block_num, hash FROM "org/mainnet@1.0.0".blocks) AS b
            SELECT _block_num, hash FROM (SELECT _block_num, hash FROM (SELECT * FROM "org/mainnet@1.0.0".blocks))
            SELECT n, hash FROM (SELECT _block_num AS n, hash FROM "org/mainnet@1.0.0".blocks) AS b
                by n
            WITH b AS (SELECT _block_num, hash FROM "org/mainnet@1.0.0".blocks) SELECT _block_num, hash FROM b
            WITH b AS (SELECT _block_num, hash FROM "org/mainnet@1.0.0".blocks), c AS (SELECT * FROM b) SELECT * FROM c
            SELECT _block_num, hash FROM "org/mainnet@1.0.0".blocks UNION ALL SELECT _block_num, tx_hash FROM "org/mainnet@1.0.0".logs
            (SELECT * FROM "org/mainnet@1.0.0".logs) UNION ALL SELECT * FROM "_/base_rpc@latest".logs UNION ALL SELECT * FROM "my/app@2.0.0".logs
            SELECT _block_num, unnest(topics) AS topic FROM "org/mainnet@1.0.0".logs
            SELECT _block_num, t FROM "org/mainnet@1.0.0".logs CROSS JOIN UNNEST(topics) AS u(t)
        "#]],
    );
}

#[test]
fn rows_made_of_several_have_the_latest_block_number_of_them() {
    check(
        &[
            "SELECT l.data, t.input FROM eth.logs l JOIN eth.transactions t ON l.tx_hash = t.hash",
            "SELECT l.data, block_num() AS b FROM eth.logs l INNER JOIN eth.blocks k ON l.n = k.n",
            "SELECT greatest(l._block_num, k._block_num) AS b, k.hash FROM eth.logs l, eth.blocks k WHERE l.n = k.n",
            "SELECT data FROM eth.logs WHERE address IN (SELECT address FROM self.known)",
            "SELECT x FROM (SELECT l.x FROM eth.logs l JOIN eth.blocks b ON l.n = b.n) j WHERE x > 3",
            "SELECT address, count(*) AS n FROM eth.logs GROUP BY block_num(), address",
            "SELECT block_num(), sum(value) AS total FROM eth.logs GROUP BY block_num()",
            "SELECT DISTINCT ON (block_num(), address) address FROM eth.logs",
            "SELECT l.data FROM eth.logs l LEFT SEMI JOIN eth.blocks b ON l.n = b.n",
        ],
        expect![[r#"
            SELECT block_num() AS ampsync_block_num, l.data, t.input FROM "org/mainnet@1.0.0".logs l JOIN "org/mainnet@1.0.0".transactions t ON l.tx_hash = t.hash
                by ampsync_block_num
            SELECT l.data, block_num() AS b FROM "org/mainnet@1.0.0".logs l INNER JOIN "org/mainnet@1.0.0".blocks k ON l.n = k.n
                by b
            SELECT greatest(l._block_num, k._block_num) AS b, k.hash FROM "org/mainnet@1.0.0".logs l, "org/mainnet@1.0.0".blocks k WHERE l.n = k.n
                by b
            SELECT block_num() AS ampsync_block_num, data FROM "org/mainnet@1.0.0".logs WHERE address IN (SELECT address FROM "my/app@2.0.0".known)
                by ampsync_block_num
            SELECT ampsync_block_num, x FROM (SELECT block_num() AS ampsync_block_num, l.x FROM "org/mainnet@1.0.0".logs l JOIN "org/mainnet@1.0.0".blocks b ON l.n = b.n) j WHERE x > 3
                by ampsync_block_num
            SELECT block_num() AS ampsync_block_num, address, count(*) AS n FROM "org/mainnet@1.0.0".logs GROUP BY block_num(), address
                by ampsync_block_num
            SELECT block_num(), sum(value) AS total FROM "org/mainnet@1.0.0".logs GROUP BY block_num()
                by block_num()
            SELECT DISTINCT ON (block_num(), address) block_num() AS ampsync_block_num, address FROM "org/mainnet@1.0.0".logs
                by ampsync_block_num
            SELECT block_num() AS ampsync_block_num, l.data FROM "org/mainnet@1.0.0".logs l LEFT SEMI JOIN "org/mainnet@1.0.0".blocks b ON l.n = b.n
                by ampsync_block_num
        "#]],
    );
}

#[test]
fn a_block_number_that_cannot_be_told_is_refused() {
    check(
        &[
            "SELECT * FROM eth.logs l JOIN eth.blocks b ON l.n = b.n",
            "SELECT l._block_num, b.hash FROM eth.logs l JOIN eth.blocks b ON l.n = b.n",
            "SELECT * EXCEPT (_block_num) FROM eth.blocks",
            "SELECT * FROM (SELECT hash FROM eth.blocks) AS b(h)",
            "SELECT hash FROM eth.blocks UNION ALL SELECT _block_num FROM eth.logs",
            "SELECT 1 AS one",
            "SELECT * FROM (VALUES (1)) AS v",
        ],
        expect![[r#"
            t:1:1: * cannot be streamed from a join: both sides have a block number (list the columns; the block number is added as block_num())
            t:1:10: `_block_num` is that of one side of a join, not that of the row (remove it, or write block_num() AS block; without it, it is added)
            t:1:8: what * leaves out or renames may be the block number, _block_num (list the columns instead)
            t:1:48: the names after b hide the block number (remove the list, and write AS after each column instead)
            t:1:39: the parts of UNION ALL have the block number in different columns, or only some select `_block_num` (select it in the same place of all parts, or in none)
            t:1:1: it reads no table, and so is of no block (select from a table)
            t:1:23: VALUES are of no block, and never streamed (select from a table)
        "#]],
    );
}

#[test]
fn what_cannot_follow_a_chain_is_refused_with_the_reason() {
    check(
        &[
            "SELECT hash FROM eth.blocks\nORDER BY hash\nLIMIT 10",
            "SELECT DISTINCT hash FROM eth.blocks",
            "SELECT count(*) FROM eth.blocks",
            "SELECT address, max(n) AS n FROM eth.logs GROUP BY address",
            "SELECT row_number() OVER (PARTITION BY address) AS n FROM eth.logs",
            "SELECT l.data FROM eth.logs l LEFT JOIN eth.blocks b ON l.n = b.n",
            "SELECT l.data FROM eth.logs l LEFT ANTI JOIN eth.blocks b ON l.n = b.n",
            "SELECT a.x FROM eth.a a JOIN eth.b b ON a.x = b.x JOIN eth.c c ON a.x = c.x",
            "SELECT j.x FROM (SELECT a.x FROM eth.a a JOIN eth.b b ON a.x = b.x) j JOIN eth.c c ON j.x = c.x",
            "SELECT data FROM eth.logs WHERE address NOT IN (SELECT address FROM eth.known)",
            "SELECT (SELECT max(n) FROM eth.blocks) AS n FROM eth.logs",
            "SELECT hash FROM eth.blocks UNION SELECT hash FROM base.blocks",
            "SELECT hash FROM eth.blocks EXCEPT SELECT hash FROM base.blocks",
            "WITH RECURSIVE r AS (SELECT 1 AS n) SELECT n FROM r",
        ],
        expect![[r#"
            t:2:10: ORDER BY cannot be streamed: a later block may have a row that belongs before the others (remove it, or stream the built table with QUERY_MODE=table)
            t:3:7: LIMIT cannot be streamed: which rows are the first is not known until the last (remove it, or stream the built table with QUERY_MODE=table)
            t:1:1: DISTINCT cannot be streamed: a row that comes twice can be told only with all the others at hand (remove it, or write DISTINCT ON (block_num(), ...), which tells them apart within each block)
            t:1:8: count() cannot be streamed: a later block may change its value (group by block_num(), which needs a server since March 2026, or stream the built table with QUERY_MODE=table)
            t:1:17: max() cannot be streamed: a later block may change its value (group by block_num(), which needs a server since March 2026, or stream the built table with QUERY_MODE=table)
            t:1:52: GROUP BY cannot be streamed: a later block may add to any group (group by block_num() too, which needs a server since March 2026, or stream the built table with QUERY_MODE=table)
            t:1:8: a window function cannot be streamed: a later block may change its frame (remove it, or stream the built table with QUERY_MODE=table)
            t:1:41: an outer join cannot be streamed: a later block may have the row that was missing (write an inner join, or stream the built table with QUERY_MODE=table)
            t:1:46: an anti join cannot be streamed: a later block may have the row that was missing (write an inner join, or stream the built table with QUERY_MODE=table)
            t:1:1: a join of a join cannot be streamed: the server follows one level of them (let one of them be a table of the dataset, or stream the built table with QUERY_MODE=table)
            t:1:1: a join of a join cannot be streamed: the server follows one level of them (let one of them be a table of the dataset, or stream the built table with QUERY_MODE=table)
            t:1:33: NOT IN or NOT EXISTS of a query cannot be streamed: a later block may have the row that was missing (remove it, or stream the built table with QUERY_MODE=table)
            t:1:9: a query as a value cannot be streamed: a later block may change it for rows that are long written (remove it, or stream the built table with QUERY_MODE=table)
            t:1:16: max() cannot be streamed: a later block may change its value (group by block_num(), which needs a server since March 2026, or stream the built table with QUERY_MODE=table)
            t:1:35: UNION cannot be streamed: a row that comes twice can be told only with all the others at hand (write UNION ALL)
            t:1:36: EXCEPT cannot be streamed: a row that comes twice can be told only with all the others at hand (remove it, or stream the built table with QUERY_MODE=table)
            t:1:1: WITH RECURSIVE cannot be streamed: its rows would depend on each other without end (remove it, or stream the built table with QUERY_MODE=table)
        "#]],
    );
}

#[test]
fn what_is_no_query_is_refused_at_its_place() {
    check(
        &[
            "",
            "-- nothing",
            "SELEC 1",
            "SELECT *\nFROM eth.logs WHERE",
            "SELECT 'open FROM eth.logs",
            "SELECT * FROM eth.logs; SELECT * FROM eth.blocks;",
            "DROP TABLE eth.logs",
            "INSERT INTO eth.logs SELECT * FROM eth.logs",
        ],
        expect![[r#"
            t: the SQL is empty (write one SELECT, or WITH ... SELECT)
            t: the SQL is empty (write one SELECT, or WITH ... SELECT)
            t:1:1: the SQL cannot be read: Expected: an SQL statement, found: SELEC (correct the SQL there, or just before)
            t: the SQL cannot be read: Expected: an expression, found: EOF (correct the SQL there, or just before)
            t:1:8: the SQL cannot be read: Unterminated string literal (correct the SQL there, or just before)
            t:1:25: there are several statements (write one SELECT, or WITH ... SELECT)
            t:1:1: the SQL is no query but a statement: DROP (write one SELECT, or WITH ... SELECT)
            t:1:1: the SQL is no query but a statement: INSERT (write one SELECT, or WITH ... SELECT)
        "#]],
    );
}

#[test]
fn the_users_own_words_stay_as_they_are() {
    check(
        &[
            "  -- transfers\n  SELECT t.block_num, t.event['from'] as from, t.event['to'] as \"to\"\n\
             \x20 FROM (SELECT block_num, evm_decode_log(topic1, topic2, topic3, data,\n\
             \x20   'Transfer(address indexed from, address indexed to, uint256 value)') as event\n\
             \x20   FROM eth.logs /* all of them */ WHERE topic0 = evm_topic('Transfer(address  x)')) as t;",
            "SELECT data FROM eth.logs WHERE address = x'dac17f958d2ee523a2206206994597c13d831ec7' AND tx_index::bigint >= 1e3",
            "SELECT CASE WHEN status THEN 'ä' ELSE 'ö  ü' END AS s, hash FROM eth.transactions SETTINGS stream = true",
            "SELECT arrow_cast(value, 'Decimal256(76, 0)') AS v, '0x' || encode(hash, 'hex') AS h FROM eth.logs",
        ],
        expect![[r#"
            SELECT _block_num, t.block_num, t.event['from'] as from, t.event['to'] as "to" FROM (SELECT _block_num, block_num, evm_decode_log(topic1, topic2, topic3, data, 'Transfer(address indexed from, address indexed to, uint256 value)') as event FROM "org/mainnet@1.0.0".logs WHERE topic0 = evm_topic('Transfer(address  x)')) as t
            SELECT _block_num, data FROM "org/mainnet@1.0.0".logs WHERE address = x'dac17f958d2ee523a2206206994597c13d831ec7' AND tx_index::bigint >= 1e3
            SELECT _block_num, CASE WHEN status THEN 'ä' ELSE 'ö  ü' END AS s, hash FROM "org/mainnet@1.0.0".transactions SETTINGS stream = true
            SELECT _block_num, arrow_cast(value, 'Decimal256(76, 0)') AS v, '0x' || encode(hash, 'hex') AS h FROM "org/mainnet@1.0.0".logs
        "#]],
    );
}

#[test]
fn servers_before_namespaces_are_asked_by_version() {
    let query =
        |dataset: &str| select_all_by_version(&dataset.parse().unwrap(), &"Logs".parse().unwrap());
    assert_eq!(query("eth@0.2.0"), r#"SELECT * FROM eth__0_2_0."Logs""#);
    assert_eq!(query("eth@0.2.0-LTcy"), r#"SELECT * FROM "eth__0_2_0-LTcy"."Logs""#);
    assert_eq!(query("eth"), r#"SELECT * FROM eth."Logs""#);
}
