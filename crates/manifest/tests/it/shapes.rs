use expect_test::expect;

use crate::check;

#[test]
fn a_config_of_early_2025_is_read() {
    check(
        r#"{
            "name": "example", "version": "0.1.0",
            "dependencies": {"mainnet": {"owner": "graphprotocol", "name": "eth", "version": "0.1.0"}},
            "tables": {"logs": {"sql": "SELECT * FROM mainnet.logs"}}
        }"#,
        expect![[r#"
            Config _/example@0.1.0
            mainnet = - eth 0.1.0
            logs: SELECT * FROM mainnet.logs
        "#]],
    );
}

#[test]
fn a_config_of_autumn_2025_is_read() {
    check(
        r#"{
            "name": "example", "network": "anvil", "version": "0.2.0-LTcyNjgzMjc1NA",
            "readme": "hello", "repository": "https://example.com",
            "dependencies": {"anvil": {"name": "anvil", "version-req": "^0.1"}},
            "tables": {"logs": {"sql": "SELECT * FROM anvil.logs", "network": "anvil"}, "Other_1$": {"sql": "SELECT 1"}},
            "functions": {"f": {"inputTypes": ["Utf8"], "outputType": "Utf8", "source": "x"}}
        }"#,
        expect![[r#"
            Config _/example@0.2.0-LTcyNjgzMjc1NA on anvil
            anvil = - anvil ^0.1
            logs: SELECT * FROM anvil.logs
            Other_1$: SELECT 1
            f(Utf8) Utf8, -: x
        "#]],
    );
}

#[test]
fn a_config_of_2026_is_read() {
    check(
        r#"{
            "namespace": "my", "name": "example", "description": "x", "keywords": ["a"], "private": true,
            "dependencies": {"eth": "edge/eth_rpc@1.2.0", "base": "base"},
            "tables": {"transfers": {"sql": "SELECT *\nFROM eth.logs"}}
        }"#,
        expect![[r#"
            Config my/example
            eth = edge eth_rpc 1.2.0
            base = - base -
            transfers: SELECT *
            FROM eth.logs
        "#]],
    );
}

#[test]
fn a_built_manifest_is_read() {
    check(
        r#"{
            "kind": "manifest",
            "dependencies": {"anvil": "_/anvil@0.0.1"},
            "tables": {"transfers": {
                "input": {"sql": "SELECT block_num FROM anvil.logs"},
                "schema": {"arrow": {"fields": [
                    {"name": "_block_num", "type": "UInt64", "nullable": false},
                    {"name": "timestamp", "type": {"Timestamp": ["Nanosecond", "+00:00"]}, "nullable": false},
                    {"name": "from", "type": {"FixedSizeBinary": 20}, "nullable": true},
                    {"name": "value", "type": "Utf8", "nullable": true}
                ]}},
                "network": "derived"
            }},
            "functions": {"addSuffix": {"name": "addSuffix", "inputTypes": ["Utf8"], "outputType": "Utf8",
                "source": {"source": "x", "filename": "add_suffix.js"}}}
        }"#,
        expect![[r#"
            Derived
            anvil = _ anvil 0.0.1
            transfers: SELECT block_num FROM anvil.logs
              _block_num UInt64
              timestamp Timestamp(ns, "+00:00")
              from FixedSizeBinary(20) null
              value Utf8 null
            addSuffix(Utf8) Utf8, add_suffix.js: x
        "#]],
    );
}

#[test]
fn a_built_manifest_that_still_names_itself_is_read() {
    check(
        r#"{"kind": "manifest", "name": "example", "version": "1.0.0", "network": "mainnet",
            "tables": {"t": {"input": {"sql": "SELECT 1"}}}}"#,
        expect![[r#"
            Derived _/example@1.0.0 on mainnet
            t: SELECT 1
        "#]],
    );
}

#[test]
fn a_raw_manifest_is_read() {
    check(
        r#"{
            "kind": "evm-rpc", "network": "mainnet", "start_block": 15000000, "finalized_blocks_only": false,
            "tables": {
                "blocks": {"network": "mainnet", "schema": {"arrow": {"fields": [
                    {"name": "_block_num", "type": "UInt64", "nullable": false},
                    {"name": "difficulty", "type": {"Decimal128": [38, 0]}, "nullable": false}]}}},
                "transactions": {"network": "mainnet", "schema": {"arrow": {"fields": [
                    {"name": "access_list", "nullable": true, "type": {"List": {"name": "item", "nullable": false,
                        "data_type": {"Struct": [
                            {"name": "address", "nullable": false, "data_type": {"FixedSizeBinary": 20},
                             "dict_id": 0, "dict_is_ordered": false, "metadata": {}},
                            {"name": "storage_keys", "nullable": false, "data_type":
                             {"List": {"name": "item", "nullable": false, "data_type": {"FixedSizeBinary": 32}}}}]}}}}
                ]}}}
            }
        }"#,
        expect![[r#"
            Raw("evm-rpc") on mainnet
            blocks: -
              _block_num UInt64
              difficulty Decimal128(38, 0)
            transactions: -
              access_list List(non-null Struct("address": non-null FixedSizeBinary(20), "storage_keys": non-null List(non-null FixedSizeBinary(32)))) null
        "#]],
    );
}

#[test]
fn a_raw_manifest_of_2025_is_read() {
    check(
        r#"{"kind": "firehose", "name": "eth", "version": "0.1.0", "network": "mainnet",
            "schema": {"blocks": {"hash": {"FixedSizeBinary": 32}, "block_num": "UInt64"}, "empty": {}}}"#,
        expect![[r#"
            Raw("firehose") _/eth@0.1.0 on mainnet
            blocks: -
              hash FixedSizeBinary(32) null
              block_num UInt64 null
            empty: -
        "#]],
    );
}

#[test]
fn every_type_is_read() {
    check(
        r#"{"kind": "static", "schema": {"t": {
            "a": "Null", "b": "Boolean", "c": {"Timestamp": ["Second", null]}, "d": {"Time32": "Millisecond"},
            "e": {"Time64": "Nanosecond"}, "f": {"Duration": "Microsecond"}, "g": {"Interval": "MonthDayNano"},
            "h": {"Decimal256": [76, -3]}, "i": {"Decimal64": [18, 18]}, "j": {"Decimal32": [9, 0]},
            "k": {"FixedSizeList": [{"name": "item", "data_type": "Int8", "nullable": true}, 3]},
            "l": {"LargeList": {"name": "item", "data_type": "Utf8View", "nullable": true}},
            "m": {"Map": [{"name": "entries", "nullable": false, "data_type": {"Struct": [
                {"name": "key", "data_type": "Utf8", "nullable": false},
                {"name": "value", "data_type": "BinaryView", "nullable": true}]}}, false]},
            "n": {"Dictionary": ["Int32", "LargeUtf8"]},
            "o": {"RunEndEncoded": [{"name": "run_ends", "data_type": "Int32", "nullable": false},
                {"name": "values", "data_type": "Float16", "nullable": true}]}
        }}}"#,
        expect![[r#"
            Raw("static")
            t: -
              a Null null
              b Boolean null
              c Timestamp(s) null
              d Time32(ms) null
              e Time64(ns) null
              f Duration(µs) null
              g Interval(MonthDayNano) null
              h Decimal256(76, -3) null
              i Decimal64(18, 18) null
              j Decimal32(9, 0) null
              k FixedSizeList(3 x Int8) null
              l LargeList(Utf8View) null
              m Map("entries": non-null Struct("key": non-null Utf8, "value": BinaryView), unsorted) null
              n Dictionary(Int32, LargeUtf8) null
              o RunEndEncoded("run_ends": non-null Int32, "values": Float16) null
        "#]],
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_document() {
    check(
        "\u{feff}{\"name\": \"a\", \"tables\": {\"t\": {\"sql\": \"SELECT 1\"}}}",
        expect![[r#"
            Config a
            t: SELECT 1
        "#]],
    );
}
