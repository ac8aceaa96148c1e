use std::io;
use std::path::Path;

use ampsync_manifest::{Host, load};
use expect_test::{Expect, expect};

use crate::{check, read};

fn check_file(path: &str, text: &str, expected: Expect) {
    expected.assert_eq(&read(path, text).unwrap_err().to_string());
}

#[test]
fn another_extension_is_told_which_there_are() {
    check_file(
        "nozzle.config.yaml",
        "",
        expect![[r#"
            nozzle.config.yaml: the extension .yaml is not one of a config
              help: name a file that ends in one of .ts, .mts, .cts, .js, .mjs, .cjs, .json"#]],
    );
    check_file(
        "nozzle",
        "",
        expect![[r#"
            nozzle: the file has no extension
              help: name a file that ends in one of .ts, .mts, .cts, .js, .mjs, .cjs, .json"#]],
    );
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let fail = |kind: io::ErrorKind| {
        let files = move |_: &Path| Err(io::Error::from(kind));
        load(Path::new("a.json"), &Host::new(&files)).unwrap_err().to_string()
    };
    let all = [io::ErrorKind::NotFound, io::ErrorKind::InvalidData, io::ErrorKind::IsADirectory];
    expect![[r#"
        a.json: there is no such file
          help: check the path, which starts in the working directory unless it is absolute
        a.json: the file is not text in UTF-8
          help: save it as UTF-8
        a.json: the file cannot be read: is a directory
          help: check what the path names and who may read it"#]]
    .assert_eq(&all.map(fail).join("\n"));
}

#[test]
fn text_that_is_not_json_is_told_line_and_column() {
    check(
        "{\n  \"name\": \"a\",\n  \"tables\": {,}\n}",
        expect![[r#"
            nozzle.config.json:3:14: the file is not JSON: key must be a string
                |
              3 |   "tables": {,}
                |              ^
              help: correct it there, or just before
        "#]],
    );
    check(
        "{\"name\": \"a\"} x",
        expect![[r#"
            nozzle.config.json:1:15: the file is not JSON: trailing characters
                |
              1 | {"name": "a"} x
                |               ^
              help: correct it there, or just before
        "#]],
    );
    check(
        "",
        expect![[r#"
            nozzle.config.json:1:1: the file is not JSON: EOF while parsing a value
              help: correct it there, or just before
        "#]],
    );
    check(
        "[1]",
        expect![[r#"
            nozzle.config.json:1:1: expected an object, found an array
                |
              1 | [1]
                | ^
              help: write an object such as {"name": "eth", "tables": {"logs": {"sql": "SELECT ..."}}}
        "#]],
    );
    check(
        "{\"name\": \"a\", \"name\": \"b\"}",
        expect![[r#"
            nozzle.config.json:1:20: duplicate field `name`
                |
              1 | {"name": "a", "name": "b"}
                |                    ^
              help: write an object such as {"name": "eth", "tables": {"logs": {"sql": "SELECT ..."}}}
        "#]],
    );
    check(
        "{\"name\": \"\\ud800\"}",
        expect![[r#"
            nozzle.config.json:1:1: the dataset has no tables
                |
              1 | {"name": "\ud800"}
                | ^
              help: add "tables": {"logs": {"sql": "SELECT ..."}}

            nozzle.config.json:1:17: name: unexpected end of hex escape
                |
              1 | {"name": "\ud800"}
                |                 ^
              help: write it as a text
        "#]],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one document, and all that is wrong with it")]
fn all_problems_are_told_at_once() {
    check(
        r#"{
  "name": "My-Data",
  "namespace": "",
  "version": "1.0",
  "network": 5,
  "dependencies": {"1a": "x", "ok": "Eth@1.0.0", "c": 5, "d": {"version": true}},
  "tables": {
    "a-b": {"sql": "SELECT 1"},
    "ä": 7,
    "no_sql": {},
    "twice": {"sql": "SELECT 1"},
    "twice": {"sql": "SELECT 2"},
    "list": ["SELECT 1"],
    "blank": {"sql": "  \n "},
    "number": {"sql": 5}
  }
}"#,
        expect![[r#"
            nozzle.config.json:2:11: name: "My-Data" is not a dataset name: expected lower-case letters, digits and _, not starting with a digit
                |
              2 |   "name": "My-Data",
                |           ^
              help: choose another one

            nozzle.config.json:3:16: namespace: expected a name, found a blank text
                |
              3 |   "namespace": "",
                |                ^
              help: write it as a text

            nozzle.config.json:4:14: version: expected a version of three numbers, found the text "1.0"
                |
              4 |   "version": "1.0",
                |              ^
              help: write it as a text such as "1.0.0"

            nozzle.config.json:5:14: network: expected the name of a network, found the number 5
                |
              5 |   "network": 5,
                |              ^
              help: write it as a text such as "mainnet"

            nozzle.config.json:6:26: dependencies.1a: "1a" is not an alias: expected letters, digits and _, starting with a letter
                |
              6 |   "dependencies": {"1a": "x", "ok": "Eth@1.0.0", "c": 5, "d": {"version": true}},
                |                          ^
              help: rename it, here and in the queries

            nozzle.config.json:6:37: dependencies.ok: "Eth" is not a dataset name: expected lower-case letters, digits and _, not starting with a digit
                |
              6 |   "dependencies": {"1a": "x", "ok": "Eth@1.0.0", "c": 5, "d": {"version": true}},
                |                                     ^
              help: write "eth@1.0.0"

            nozzle.config.json:6:55: dependencies.c: expected a dataset, found the number 5
                |
              6 |   "dependencies": {"1a": "x", "ok": "Eth@1.0.0", "c": 5, "d": {"version": true}},
                |                                                       ^
              help: write a text such as "my/eth@1.0.0"

            nozzle.config.json:6:63: dependencies.d: the dependency's `name` is missing
                |
              6 |   "dependencies": {"1a": "x", "ok": "Eth@1.0.0", "c": 5, "d": {"version": true}},
                |                                                               ^
              help: write a text such as "my/eth@1.0.0"

            nozzle.config.json:6:75: dependencies.d.version: expected a version, found true
                |
              6 |   "dependencies": {"1a": "x", "ok": "Eth@1.0.0", "c": 5, "d": {"version": true}},
                |                                                                           ^
              help: write it as a text such as "1.0.0"

            nozzle.config.json:8:12: tables.a-b: "a-b" is not a table name: expected at most 63 letters, digits, _ and $, not starting with a digit or $
                |
              8 |     "a-b": {"sql": "SELECT 1"},
                |            ^
              help: choose another one

            nozzle.config.json:9:10: tables["ä"]: "ä" is not a table name: expected at most 63 letters, digits, _ and $, not starting with a digit or $
                |
              9 |     "ä": 7,
                |          ^
              help: choose another one

            nozzle.config.json:9:10: tables["ä"]: expected an object, found the number 7
                |
              9 |     "ä": 7,
                |          ^
              help: write an object such as {"sql": "SELECT ..."}

            nozzle.config.json:10:15: tables.no_sql: the table's `sql` is missing
                 |
              10 |     "no_sql": {},
                 |               ^
              help: write an object such as {"sql": "SELECT ..."}

            nozzle.config.json:12:14: tables.twice: the name is here twice
                 |
              12 |     "twice": {"sql": "SELECT 2"},
                 |              ^
              help: keep one of the two

            nozzle.config.json:13:13: tables.list: expected an object, found an array
                 |
              13 |     "list": ["SELECT 1"],
                 |             ^
              help: write an object such as {"sql": "SELECT ..."}

            nozzle.config.json:14:22: tables.blank.sql: expected a query, found a blank text
                 |
              14 |     "blank": {"sql": "  \n "},
                 |                      ^
              help: write the table's query as one text

            nozzle.config.json:15:23: tables.number.sql: expected a query, found the number 5
                 |
              15 |     "number": {"sql": 5}
                 |                       ^
              help: write the table's query as one text
        "#]],
    );
}

#[test]
fn a_config_needs_a_name() {
    check(
        r#"{"tables": {}}"#,
        expect![[r#"
            nozzle.config.json:1:1: the dataset's `name` is missing
                |
              1 | {"tables": {}}
                | ^
              help: add one such as "name": "eth"

            nozzle.config.json:1:12: tables: the dataset has no tables
                |
              1 | {"tables": {}}
                |            ^
              help: write an object such as {"logs": {"sql": "SELECT ..."}}
        "#]],
    );
}

#[test]
fn an_upper_case_name_is_offered_in_lower_case() {
    check(
        r#"{"name": "MyData"}"#,
        expect![[r#"
            nozzle.config.json:1:1: the dataset has no tables
                |
              1 | {"name": "MyData"}
                | ^
              help: add "tables": {"logs": {"sql": "SELECT ..."}}

            nozzle.config.json:1:10: name: "MyData" is not a dataset name: expected lower-case letters, digits and _, not starting with a digit
                |
              1 | {"name": "MyData"}
                |          ^
              help: write "mydata"
        "#]],
    );
}

#[test]
fn a_built_manifest_needs_each_tables_query() {
    check(
        r#"{"kind": "manifest", "tables": {"a": {}, "b": {"input": 3}, "c": {"input": {}}}}"#,
        expect![[r#"
            nozzle.config.json:1:38: tables.a: the table's `input.sql` is missing
                |
              1 | {"kind": "manifest", "tables": {"a": {}, "b": {"input": 3}, "c": {"input": {}}}}
                |                                      ^
              help: add "input": {"sql": "SELECT ..."}, or build the manifest again

            nozzle.config.json:1:57: tables.b.input: expected an object, found the number 3
                |
              1 | {"kind": "manifest", "tables": {"a": {}, "b": {"input": 3}, "c": {"input": {}}}}
                |                                                         ^
              help: write an object such as {"sql": "SELECT ..."}

            nozzle.config.json:1:66: tables.c: the table's `input.sql` is missing
                |
              1 | {"kind": "manifest", "tables": {"a": {}, "b": {"input": 3}, "c": {"input": {}}}}
                |                                                                  ^
              help: add "input": {"sql": "SELECT ..."}, or build the manifest again
        "#]],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one document, and all that is wrong with it")]
fn a_schema_that_is_not_one_says_where() {
    check(
        r#"{"kind": "evm-rpc", "tables": {
  "a": {"schema": []},
  "b": {"schema": {}},
  "c": {"schema": {"arrow": {}}},
  "d": {"schema": {"arrow": {"fields": [
    {"name": "x", "type": "Uint64", "nullable": false},
    {"name": "y", "type": {"FixedSizeBinary": 0}},
    {"name": "z", "type": {"Decimal128": [39, 0]}},
    {"name": "z2", "type": {"Decimal128": [3, 4]}},
    {"name": "z3", "type": {"Decimal128": [3]}},
    {"name": "t", "type": {"Timestamp": ["Day", 5]}},
    {"name": "t2", "type": {"Time32": "Nanosecond"}},
    {"name": "l", "type": {"List": {"name": "item", "data_type": {"Struct": [{"name": "q"}]}}}},
    {"name": "two", "type": {"List": 1, "Struct": 2}},
    {"name": "u", "type": {"Union": []}},
    {"name": "s", "type": "Decimal128(38, 0)"},
    {"type": "Utf8", "nullable": "yes"},
    {"name": "ok", "type": "Utf8"},
    {"name": "ok", "type": "Utf8"},
    17
  ]}}}
}}"#,
        expect![[r#"
            nozzle.config.json:2:19: tables.a.schema: expected an object, found an array
                |
              2 |   "a": {"schema": []},
                |                   ^
              help: write {"arrow": {"fields": [...]}}, or build the manifest again

            nozzle.config.json:3:19: tables.b.schema: the schema's `arrow` is missing
                |
              3 |   "b": {"schema": {}},
                |                   ^
              help: write {"arrow": {"fields": [...]}}, or build the manifest again

            nozzle.config.json:4:29: tables.c.schema.arrow: the schema's `fields` are missing
                |
              4 |   "c": {"schema": {"arrow": {}}},
                |                             ^
              help: write {"arrow": {"fields": [...]}}, or build the manifest again

            nozzle.config.json:6:27: tables.d.schema.arrow.fields[0].type: expected an Arrow type, found the text "Uint64"
                |
              6 |     {"name": "x", "type": "Uint64", "nullable": false},
                |                           ^
              help: write it as "UInt64" or {"FixedSizeBinary": 20}

            nozzle.config.json:7:47: tables.d.schema.arrow.fields[1].type.FixedSizeBinary: expected a size of at least 1, found the number 0
                |
              7 |     {"name": "y", "type": {"FixedSizeBinary": 0}},
                |                                               ^
              help: write it as "UInt64" or {"FixedSizeBinary": 20}

            nozzle.config.json:8:43: tables.d.schema.arrow.fields[2].type.Decimal128[0]: expected a precision of 1 to 38, found the number 39
                |
              8 |     {"name": "z", "type": {"Decimal128": [39, 0]}},
                |                                           ^
              help: write it as {"Decimal128": [38, 0]}

            nozzle.config.json:9:47: tables.d.schema.arrow.fields[3].type.Decimal128[1]: expected a scale not above the precision, found the number 4
                |
              9 |     {"name": "z2", "type": {"Decimal128": [3, 4]}},
                |                                               ^
              help: write it as {"Decimal128": [38, 0]}

            nozzle.config.json:10:43: tables.d.schema.arrow.fields[4].type.Decimal128: expected two values, a precision and a scale, found an array
                 |
              10 |     {"name": "z3", "type": {"Decimal128": [3]}},
                 |                                           ^
              help: write it as "UInt64" or {"FixedSizeBinary": 20}

            nozzle.config.json:11:42: tables.d.schema.arrow.fields[5].type.Timestamp[0]: expected a unit of time, found the text "Day"
                 |
              11 |     {"name": "t", "type": {"Timestamp": ["Day", 5]}},
                 |                                          ^
              help: write it as {"Timestamp": ["Nanosecond", "+00:00"]}

            nozzle.config.json:11:49: tables.d.schema.arrow.fields[5].type.Timestamp[1]: expected a time zone or null, found the number 5
                 |
              11 |     {"name": "t", "type": {"Timestamp": ["Day", 5]}},
                 |                                                 ^
              help: write it as {"Timestamp": ["Nanosecond", "+00:00"]}

            nozzle.config.json:12:39: tables.d.schema.arrow.fields[6].type.Time32: expected a unit of Time32, found the text "Nanosecond"
                 |
              12 |     {"name": "t2", "type": {"Time32": "Nanosecond"}},
                 |                                       ^
              help: write it as "UInt64" or {"FixedSizeBinary": 20}

            nozzle.config.json:13:78: tables.d.schema.arrow.fields[7].type.List.data_type.Struct[0]: the field's `data_type` is missing
                 |
              13 |     {"name": "l", "type": {"List": {"name": "item", "data_type": {"Struct": [{"name": "q"}]}}}},
                 |                                                                              ^
              help: write {"name": "hash", "type": "Utf8", "nullable": false}

            nozzle.config.json:14:29: tables.d.schema.arrow.fields[8].type: expected an object with one key, the type's name
                 |
              14 |     {"name": "two", "type": {"List": 1, "Struct": 2}},
                 |                             ^
              help: write it as "UInt64" or {"FixedSizeBinary": 20}

            nozzle.config.json:15:37: tables.d.schema.arrow.fields[9].type.Union: "Union" is not an Arrow type known here
                 |
              15 |     {"name": "u", "type": {"Union": []}},
                 |                                     ^
              help: write it as "UInt64" or {"FixedSizeBinary": 20}

            nozzle.config.json:16:27: tables.d.schema.arrow.fields[10].type: expected an Arrow type, found the text "Decimal128(38, 0)"
                 |
              16 |     {"name": "s", "type": "Decimal128(38, 0)"},
                 |                           ^
              help: write it as "UInt64" or {"FixedSizeBinary": 20}

            nozzle.config.json:17:5: tables.d.schema.arrow.fields[11]: the field's `name` is missing
                 |
              17 |     {"type": "Utf8", "nullable": "yes"},
                 |     ^
              help: write {"name": "hash", "type": "Utf8", "nullable": false}

            nozzle.config.json:17:34: tables.d.schema.arrow.fields[11].nullable: expected true or false, found the text "yes"
                 |
              17 |     {"type": "Utf8", "nullable": "yes"},
                 |                                  ^
              help: write {"name": "hash", "type": "Utf8", "nullable": false}

            nozzle.config.json:19:5: tables.d.schema.arrow.fields[13]: there are two columns "ok"
                 |
              19 |     {"name": "ok", "type": "Utf8"},
                 |     ^
              help: rename or remove one of the two

            nozzle.config.json:20:5: tables.d.schema.arrow.fields[14]: expected a field, found the number 17
                 |
              20 |     17
                 |     ^
              help: write {"name": "hash", "type": "Utf8", "nullable": false}
        "#]],
    );
}

#[test]
fn a_type_nested_without_end_is_refused() {
    let open = r#"{"List": {"name": "i", "data_type": "#.repeat(20_000);
    let close = "}}".repeat(20_000);
    let text = format!(r#"{{"kind": "static", "schema": {{"t": {{"c": {open}"Utf8"{close}}}}}}}"#);
    let problems = read("a.json", &text).unwrap_err().to_string();
    assert!(problems.contains("types are nested more than 32 deep"), "{problems}");
}

#[test]
fn a_column_counts_characters() {
    check(
        "{\"name\": \"ok\", \"readme\": \"äöü€\", \"network\": 5}",
        expect![[r#"
            nozzle.config.json:1:1: the dataset has no tables
                |
              1 | {"name": "ok", "readme": "äöü€", "network": 5}
                | ^
              help: add "tables": {"logs": {"sql": "SELECT ..."}}

            nozzle.config.json:1:45: network: expected the name of a network, found the number 5
                |
              1 | {"name": "ok", "readme": "äöü€", "network": 5}
                |                                             ^
              help: write it as a text such as "mainnet"
        "#]],
    );
}
