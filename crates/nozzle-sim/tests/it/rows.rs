//! The rows of a stream against the oracle.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type};
use nozzle_sim::{SimConfig, SimServer, Table};

use crate::client::{STREAM, block_numbers, count, json, open, range, stream, texts};

fn tables() -> Vec<Table> {
    vec![
        Table::blocks(),
        Table::logs(),
        Table::transactions(),
        Table::sparse().with_rows_in_one_block_of(4).with_dictionary(),
    ]
}

async fn server(config: SimConfig) -> SimServer {
    let server = SimServer::start(SimConfig { tables: tables(), ..config }).await.unwrap();
    server.mine(120);
    server
}

#[tokio::test]
async fn a_client_that_obeys_every_range_has_the_canonical_rows() {
    let server =
        server(SimConfig { batch_rows_max: 7, microbatch_blocks_max: 50, ..SimConfig::default() })
            .await;
    for table in ["blocks", "logs", "transactions", "sparse"] {
        let mut stream = stream(&server, table, None).await;
        let mut client: BTreeMap<u64, Vec<RecordBatch>> = BTreeMap::new();
        let mut end = None;
        for step in [0, 1, 4, 30, 1, 60, 2] {
            if step > 0 {
                server.reorg(step);
            }
            while end != server.chain().head().map(|head| head.hash.to_string()) {
                let told = range(&mut stream).await;
                client.split_off(&told.start);
                for batch in told.batches {
                    for (row, number) in block_numbers(&batch).into_iter().enumerate() {
                        client.entry(number).or_default().push(batch.slice(row, 1));
                    }
                }
                end = Some(told.hash);
            }
        }
        let canonical = server.canonical(table);
        assert!(canonical.iter().any(|batch| batch.num_rows() > 0));
        assert_eq!(texts(client.values().flatten()), texts(&canonical), "{table}");
    }
}

#[tokio::test]
async fn a_replay_has_the_same_rows_in_other_batches_and_another_order() {
    let server = server(SimConfig::default()).await;
    let first = range(&mut stream(&server, "logs", None).await).await.batches;
    let again = range(&mut stream(&server, "logs", None).await).await.batches;
    assert_eq!(texts(&first), texts(&again));
    let lengths = |batches: &[RecordBatch]| -> Vec<usize> {
        batches.iter().map(RecordBatch::num_rows).collect()
    };
    assert_ne!(lengths(&first), lengths(&again));
    let order = |batches: &[RecordBatch]| -> Vec<String> {
        batches
            .iter()
            .flat_map(|batch| {
                (0..batch.num_rows()).map(|row| texts([&batch.slice(row, 1)]).concat())
            })
            .collect()
    };
    assert_ne!(order(&first), order(&again));
}

#[tokio::test]
async fn columns_can_be_picked_and_the_block_number_left_out() {
    let server = server(SimConfig::default()).await;
    let sql = "SELECT log_index, address AS contract FROM sim.logs";
    let mut stream = open(&server, sql, &[STREAM]).await.unwrap();
    let names: Vec<_> = stream.schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names, ["log_index", "contract"]);
    let rows = count(&range(&mut stream).await.batches);
    assert_eq!(rows, count(&server.canonical("logs")));
}

#[tokio::test]
async fn the_oracle_counts_the_rows_of_any_block() {
    let server = server(SimConfig::default()).await;
    let counted: usize =
        server.chain().stored().iter().map(|block| server.rows_in_block("logs", &block.hash)).sum();
    assert_eq!(counted, count(&server.canonical("logs")));
}

#[tokio::test]
async fn batches_above_four_mebibytes_are_possible() {
    let config = SimConfig {
        tables: vec![Table::logs().with_rows_per_block(20_000..=20_000)],
        batch_rows_max: 100_000,
        batch_bytes_max: usize::MAX,
        ..SimConfig::default()
    };
    let server = SimServer::start(config).await.unwrap();
    server.mine(3);
    let told = range(&mut stream(&server, "logs", None).await).await;
    let largest = told.batches.iter().map(RecordBatch::get_array_memory_size).max();
    assert!(largest.unwrap() > 4 << 20, "{largest:?}");
}

#[tokio::test]
async fn batches_stay_below_the_limit_by_default() {
    let tables = vec![Table::logs().with_rows_per_block(20_000..=20_000)];
    let server = SimServer::start(SimConfig { tables, ..SimConfig::default() }).await.unwrap();
    server.mine(2);
    let told = range(&mut stream(&server, "logs", None).await).await;
    let rows = told.batches.iter().map(RecordBatch::num_rows);
    assert!(rows.clone().max().unwrap() <= 8192);
    assert_eq!(rows.sum::<usize>(), 40_000);
}

#[tokio::test]
async fn a_batch_query_gives_everything_and_ends() {
    let server = server(SimConfig::default()).await;
    let mut stream = open(&server, "SELECT * FROM sim.logs", &[]).await.unwrap();
    let told = range(&mut stream).await;
    assert_eq!(told.numbers(), (0, 119));
    assert_eq!(texts(&told.batches), texts(&server.canonical("logs")));
    assert!(stream.next().await.unwrap().is_none());
}

#[tokio::test]
async fn the_highest_block_with_a_row_can_be_asked_for() {
    let server = server(SimConfig::default()).await;
    let largest = async |condition: &str| {
        let sql = format!("SELECT max(_block_num) AS head FROM sim.logs {condition}");
        let mut stream = open(&server, &sql, &[]).await.unwrap();
        let told = range(&mut stream).await;
        assert_eq!(told.numbers(), (0, 119), "where the server is, whatever was selected");
        let [answer] = told.batches.as_slice() else { panic!("{:?}", told.batches) };
        answer.column(0).as_primitive::<UInt64Type>().iter().collect::<Vec<_>>()
    };
    let last = server.canonical("logs").iter().flat_map(block_numbers).max();
    assert_eq!(largest("").await, [last]);
    assert_eq!(largest("WHERE _block_num < 10").await, [Some(9)]);
    assert_eq!(largest("WHERE _block_num >= 1000").await, [None]);
    let sql = "SELECT max(_block_num) FROM sim.logs";
    assert!(open(&server, sql, &[STREAM]).await.is_err(), "it cannot be streamed");
}

#[tokio::test]
async fn conditions_and_queries_of_queries_choose_rows_and_columns() {
    let server = SimServer::start(SimConfig::default()).await.unwrap();
    server.mine(40);
    let indexes = |rows: &[RecordBatch], column: &str| -> Vec<u32> {
        let column = |rows: &RecordBatch| {
            let column = rows.column_by_name(column).unwrap();
            column.as_primitive::<UInt32Type>().values().to_vec()
        };
        rows.iter().flat_map(column).collect()
    };
    let mut wanted = indexes(&server.canonical("logs"), "log_index");
    wanted.retain(|index| *index >= 2);
    assert!(!wanted.is_empty());
    let sql = "SELECT n FROM (SELECT log_index AS n FROM sim.logs WHERE log_index > 1) AS l";
    let answer = server.answer(sql).unwrap();
    assert_eq!(indexes(&answer, "n"), wanted);
    assert_eq!(answer[0].num_columns(), 1);

    let mut stream = open(&server, sql, &[STREAM]).await.unwrap();
    let mut streamed = Vec::new();
    loop {
        let message = stream.next().await.unwrap().unwrap();
        streamed.extend(indexes(std::slice::from_ref(&message.rows), "n"));
        if json(&message)["ranges_complete"] == true {
            break;
        }
    }
    // Rows of one block come in any order.
    streamed.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(streamed, wanted);
    assert!(server.answer("SELECT data FROM sim.logs WHERE data = 1").is_err());
    assert!(server.answer("SELECT _block_num FROM (SELECT data FROM sim.logs)").is_err());
}
