use expect_test::expect;

use super::*;

#[test]
fn nothing_given_names_both_that_are_needed() {
    check(
        &[],
        expect![[r#"
        there are 2 mistakes in the configuration

          DATASET_MANIFEST: not set: expected the config or built manifest of the dataset, or DATASET and TABLES instead
              example: DATASET_MANIFEST=./nozzle.config.json
          DATABASE_URL: not set: expected the database to write to, here or in DATABASE_HOST, DATABASE_NAME, DATABASE_USER and DATABASE_PASSWORD
              example: DATABASE_URL=postgres://user:password@localhost:5432/app"#]],
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    check(
        &[
            ("DATASET_MANIFEST", "nozzle.config.yaml"),
            ("DATASET", "My Data@1"),
            ("TABLES", "a,b,a"),
            ("NOZZLE_ENDPOINT", "localhost:1602"),
            ("NOZZLE_AUTH_TOKEN", "to ken"),
            ("NOZZLE_DECODE_LIMIT_MIB", "4096"),
            ("DATABASE_URL", "mysql://me:hunter2@db/app"),
            ("DATABASE_SCHEMA", "pg_catalog"),
            ("MAX_DB_CONNECTIONS", "1"),
            ("RETENTION_BLOCKS", "63"),
            ("REORG_BEYOND_RETENTION", "panic"),
            ("BATCH_ROWS_MIN", "0"),
            ("BATCH_ROWS_MAX", "-1"),
            ("BATCH_TARGET_MS", "1s"),
            ("BATCH_BYTES_MAX", "50 potatoes"),
            ("MEMORY_LIMIT", "10kB"),
            ("RETRY_DELAY_MIN_MS", "6000"),
            ("RETRY_DELAY_MAX_MS", "5000"),
            ("RETRY_ATTEMPTS", "0"),
            ("LOG_FORMAT", "xml"),
            ("RUST_LOG", "info,=,="),
        ],
        expect![[r#"
            there are 20 mistakes in the configuration

              DATASET_MANIFEST: expected a file that ends in one of .ts, .mts, .cts, .js, .mjs, .cjs, .json; found "nozzle.config.yaml"
                  example: DATASET_MANIFEST=./nozzle.config.json
              DATASET: expected namespace/name@revision, but "My Data" is not a dataset name: expected lower-case letters, digits and _, not starting with a digit; found "My Data@1"
                  example: DATASET=my_org/eth@1.0.0
              TABLES: expected each table once, but "a" is here twice; found "a,b,a"
                  example: TABLES=blocks,logs
              NOZZLE_ENDPOINT: expected a URL that starts with http:// or https:// and names a host; found "localhost:1602"
                  example: NOZZLE_ENDPOINT=http://localhost:1602
              NOZZLE_AUTH_TOKEN: expected a token of visible ASCII characters, without "Bearer" before it
                  example: NOZZLE_AUTH_TOKEN=eyJhbGciOi...
              NOZZLE_DECODE_LIMIT_MIB: expected a whole number from 1 to 512; found "4096"
                  example: NOZZLE_DECODE_LIMIT_MIB=64
              DATABASE_URL: expected a URL that starts with postgres:// or postgresql://
                  example: DATABASE_URL=postgres://user:password@localhost:5432/app
              MAX_DB_CONNECTIONS: expected a whole number from 2 to 10000; found "1"
                  example: MAX_DB_CONNECTIONS=10
              DATABASE_SCHEMA: expected a schema that is not PostgreSQL's own; found "pg_catalog"
                  example: DATABASE_SCHEMA=public
              RETENTION_BLOCKS: expected a whole number from 64 to 1000000000; found "63"
                  example: RETENTION_BLOCKS=10000
              REORG_BEYOND_RETENTION: expected stop or resync; found "panic"
                  example: REORG_BEYOND_RETENTION=resync
              MEMORY_LIMIT: expected a number of bytes from 1 MiB on, such as 1048576 or 64MiB; found "10kB"
                  example: MEMORY_LIMIT=1GiB
              BATCH_ROWS_MIN: expected a whole number from 1 to 100000000; found "0"
                  example: BATCH_ROWS_MIN=100
              BATCH_ROWS_MAX: expected a whole number from 1 to 100000000; found "-1"
                  example: BATCH_ROWS_MAX=50000
              BATCH_BYTES_MAX: expected a number of bytes from 1 MiB on, such as 1048576 or 64MiB; found "50 potatoes"
                  example: BATCH_BYTES_MAX=50MiB
              BATCH_TARGET_MS: expected a whole number from 1 to 3600000; found "1s"
                  example: BATCH_TARGET_MS=1000
              RETRY_ATTEMPTS: expected a whole number from 1 to 1000; found "0"
                  example: RETRY_ATTEMPTS=5
              RETRY_DELAY_MIN_MS, RETRY_DELAY_MAX_MS: the lower bound is above the upper one
                  the default of RETRY_DELAY_MAX_MS is 5000
              LOG_FORMAT: expected text or json; found "xml"
                  example: LOG_FORMAT=json
              RUST_LOG: expected a level (error, warn, info, debug, trace), or module=level pairs; found "info,=,="
                  example: RUST_LOG=info,sync_core=debug"#]],
    );
}

#[test]
fn a_broken_manifest_is_told_place_by_place() {
    let database = ("DATABASE_URL", "postgres://u:p@db/app");
    check(
        &[("DATASET_MANIFEST", "broken.json"), database],
        expect![[r#"
            there are 2 mistakes in the configuration

              DATASET_MANIFEST: broken.json:2:11: name: expected a name, found the number 5
                    |
                  2 |   "name": 5,
                    |           ^
                  write it as a text
              DATASET_MANIFEST: broken.json:3:13: tables: expected an object of tables by name, found an array
                    |
                  3 |   "tables": []
                    |             ^
                  write an object such as {"logs": {"sql": "SELECT ..."}}"#]],
    );
}

#[test]
fn conflicts_are_mistakes() {
    check_with(
        &[
            ("DATABASE_HOST", "db"),
            ("DATABASE_PASSWORD", "hunter2"),
            ("NOZZLE_ENDPOINT", "http://one"),
            ("AMP_FLIGHT_ADDR", "http://two"),
            ("NOZZLE_AUTH_TOKEN", "hunter3"),
            ("AMP_AUTH_TOKEN", "hunter4"),
            ("TABLES", "block,transfers,zzz"),
        ],
        expect![[r#"
            there are 5 mistakes in the configuration

              TABLES: the manifest nozzle.config.json has no table "block"
                  did you mean blocks?
              TABLES: the manifest nozzle.config.json has no table "zzz"
                  it has: blocks, transfers
              NOZZLE_ENDPOINT, AMP_FLIGHT_ADDR: both are set, to different values
                  set one of the two
              NOZZLE_AUTH_TOKEN, AMP_AUTH_TOKEN: both are set, to different values
                  set one of the two
              DATABASE_URL, DATABASE_HOST, DATABASE_PASSWORD: the database is given twice
                  set DATABASE_URL alone, or DATABASE_HOST and what belongs to it"#]],
    );
}

#[test]
fn the_same_value_twice_is_no_conflict() {
    let same = [("NOZZLE_ENDPOINT", "http://one"), ("AMP_FLIGHT_ADDR", "http://one")];
    assert_eq!(with(&same).unwrap().server.endpoint, "http://one");
}

#[test]
fn what_belongs_together_is_asked_for_together() {
    check(
        &[("DATASET", "eth"), ("DATABASE_PASSWORD", "hunter2"), ("DATABSE_HOST", "db")],
        expect![[r#"
            there are 4 mistakes in the configuration

              TABLES: not set: expected the tables to sync, since there is neither a manifest nor an Admin API to list them
                  example: TABLES=blocks,logs
              DATABASE_HOST: not set: expected it beside the other parts of the database; DATABSE_HOST is set, is it misspelt?
                  example: DATABASE_HOST=localhost
              DATABASE_NAME: not set: expected it beside the other parts of the database
                  example: DATABASE_NAME=app
              DATABASE_USER: not set: expected it beside the other parts of the database
                  example: DATABASE_USER=ampsync"#]],
    );
}

#[test]
fn a_manifest_that_says_too_little_is_completed() {
    let database = ("DATABASE_URL", "postgres://u:p@db/app");
    check(
        &[("DATASET_MANIFEST", "nameless.json"), database],
        expect![[r#"
        there is a mistake in the configuration

          DATASET: not set: expected the dataset's name, since the manifest has none
              example: DATASET=my_org/eth@1.0.0"#]],
    );
    check(
        &[("DATASET_MANIFEST", "empty.json"), database],
        expect![[r#"
            there is a mistake in the configuration

              DATASET_MANIFEST: empty.json:1:1: the dataset has no tables
                    |
                  1 | {"name": "eth"}
                    | ^
                  add "tables": {"logs": {"sql": "SELECT ..."}}"#]],
    );
    check(
        &[("DATASET_MANIFEST", "missing.json"), database],
        expect![[r#"
        there is a mistake in the configuration

          DATASET_MANIFEST: missing.json: there is no such file
              check the path, which starts in the working directory unless it is absolute"#]],
    );
}

#[test]
fn files_that_cannot_be_read_are_mistakes() {
    check(
        &[
            ("DATASET_MANIFEST", "nozzle.config.json"),
            ("DATABASE_URL_FILE", "/run/secrets/none"),
            ("NOZZLE_AUTH_TOKEN_FILE", "/run/secrets/blank"),
        ],
        expect![[r#"
            there are 2 mistakes in the configuration

              NOZZLE_AUTH_TOKEN_FILE: the value is blank
                  write a value, or leave it unset
              DATABASE_URL_FILE: the file /run/secrets/none cannot be read: entity not found
                  name a text file with nothing in it but the value"#]],
    );
}
