//! What `with_reorg` makes of streams, and its detector of ranges.

use std::collections::BTreeMap;

use arrow_flight::FlightData;
use futures::TryStreamExt;
use nozzle_client::{BlockRange, ReorgDetector, ReorgEvent, ResumeWatermark, with_reorg};
use proptest::prelude::*;
use sync_core::chain::{BlockHash, BlockNum, Cursor, Network};

use crate::server::{Script, TestServer, batch_message, metadata, rows, schema, schema_message};

/// The range `start..=end` of a fork of a network.
fn range(network: &str, fork: u8, start: u64, end: u64) -> BlockRange {
    let number = |block| BlockNum::try_from(block).unwrap();
    let network = Network::new(network);
    BlockRange::new(network, number(start), number(end), BlockHash([fork; 32]), None).unwrap()
}

fn cursor(network: &str, number: u32) -> ResumeWatermark {
    let network = Network::new(network);
    Cursor { network, number: number.into(), hash: BlockHash([0; 32]) }.into()
}

/// The invalidations that each message of these ranges brings.
fn check(mut detector: ReorgDetector, messages: &[&[BlockRange]], expected: &[&str]) {
    let found: Vec<_> = messages
        .iter()
        .map(|ranges| {
            let found = detector.observe(ranges);
            found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        })
        .collect();
    assert_eq!(found, expected, "{messages:?}");
}

#[test]
fn ranges_that_go_on_are_no_reorg() {
    let anvil = |start, end| [range("anvil", 0, start, end)];
    check(
        ReorgDetector::new(),
        &[&anvil(0, 2), &anvil(0, 2), &[], &anvil(0, 2), &anvil(3, 3), &anvil(7, 9)],
        &["", "", "", "", "", ""],
    );
}

#[test]
fn an_aligned_reorg_invalidates_from_its_start() {
    check(
        ReorgDetector::new(),
        &[
            &[range("anvil", 0, 1, 1)],
            &[range("anvil", 0, 2, 2)],
            &[range("anvil", 1, 2, 3)],
            &[range("anvil", 1, 2, 3)],
        ],
        &["", "", "anvil [2..2]", ""],
    );
}

#[test]
fn a_reorg_inside_a_range_invalidates_its_upper_part() {
    check(
        ReorgDetector::new(),
        &[&[range("anvil", 0, 100, 104)], &[range("anvil", 1, 103, 105)]],
        &["", "anvil [103..104]"],
    );
}

#[test]
fn the_same_blocks_with_another_hash_are_a_reorg() {
    check(
        ReorgDetector::new(),
        &[&[range("anvil", 0, 5, 5)], &[range("anvil", 1, 5, 5)]],
        &["", "anvil [5..5]"],
    );
}

#[test]
fn a_deep_reorg_in_steps_invalidates_up_to_the_highest_block_each_time() {
    check(
        ReorgDetector::new(),
        &[
            &[range("anvil", 0, 0, 10)],
            &[range("anvil", 1, 8, 9)],
            &[range("anvil", 2, 6, 7)],
            &[range("anvil", 2, 8, 12)],
        ],
        &["", "anvil [8..10]", "anvil [6..10]", ""],
    );
}

#[test]
fn networks_are_apart() {
    check(
        ReorgDetector::new(),
        &[
            &[range("base", 0, 0, 9), range("mainnet", 0, 0, 4)],
            &[range("base", 0, 0, 9), range("mainnet", 1, 3, 5)],
            &[range("base", 1, 8, 8), range("mainnet", 2, 5, 6)],
        ],
        &["", "mainnet [3..4]", "base [8..9], mainnet [5..5]"],
    );
}

#[test]
fn a_stream_that_resumes_below_its_cursor_tells_of_a_reorg() {
    let resumed = || ReorgDetector::resumed(&cursor("anvil", 104));
    check(resumed(), &[&[range("anvil", 0, 105, 105)]], &[""]);
    check(resumed(), &[&[range("anvil", 0, 104, 106)]], &["anvil [104..104]"]);
    check(resumed(), &[&[range("anvil", 0, 103, 103)]], &["anvil [103..104]"]);
    check(resumed(), &[&[range("base", 0, 3, 3)]], &[""]);
}

/// A reader that does as it is told: adds a range's rows once, deletes what is invalidated.
#[derive(Default)]
struct Reader {
    last: Option<BlockRange>,
    /// The fork of each row, by block.
    rows: BTreeMap<u64, Vec<u8>>,
}

proptest! {
    /// The server's chain as a plain list is what the reader has after every message, whatever
    /// the chain does.
    #[test]
    fn a_reader_that_follows_the_invalidations_has_the_chain(
        steps in prop::collection::vec((0..2_usize, 0..6_u64, 1..5_u64, 1..3_usize), 1..40)
    ) {
        let names = ["base", "mainnet"];
        let mut chains: [Vec<u8>; 2] = Default::default();
        let mut readers: [Reader; 2] = Default::default();
        let mut detector = ReorgDetector::new();
        for (fork, (network, depth, length, repeats)) in (0..).zip(steps) {
            // A reorg of some depth (mostly none), then some blocks.
            let (chain, reader) = (&mut chains[network], &mut readers[network]);
            let depth = usize::try_from(depth.saturating_sub(2)).unwrap();
            chain.truncate(chain.len().saturating_sub(depth));
            let start = u64::try_from(chain.len()).unwrap();
            let end = start + length - 1;
            chain.extend((start..=end).map(|_| fork));

            let range = range(names[network], fork, start, end);
            for _ in 0..repeats {
                for gone in detector.observe(std::slice::from_ref(&range)) {
                    prop_assert_eq!(gone.network.as_str(), names[network]);
                    let gone = gone.start.get()..=gone.end.get();
                    reader.rows.retain(|block, _| !gone.contains(block));
                }
                if reader.last.as_ref() != Some(&range) {
                    for block in start..=end {
                        reader.rows.entry(block).or_default().push(fork);
                    }
                    reader.last = Some(range.clone());
                }
            }
            let expected = chain.iter().map(|fork| vec![*fork]);
            let expected: BTreeMap<_, _> = (0..).zip(expected).collect();
            prop_assert_eq!(&reader.rows, &expected);
        }
    }
}

/// What `with_reorg` makes of a stream, in words.
async fn events(messages: Vec<FlightData>, resume: Option<&ResumeWatermark>) -> Vec<String> {
    let server = TestServer::start(Script::messages(&schema(), messages)).await;
    let stream = with_reorg(server.client().query("SELECT 1", resume).await.unwrap());
    assert_eq!(stream.get_ref().schema(), &schema());
    let words = |event| match event {
        ReorgEvent::Batch { data, metadata } => {
            format!("{} rows, metadata {}", data.num_rows(), metadata.is_some())
        }
        ReorgEvent::Watermark(resume) => {
            let cursors: Vec<_> = resume.cursors().map(|cursor| cursor.number).collect();
            format!("watermark {cursors:?}")
        }
        ReorgEvent::Reorg { invalidation } => format!("reorg {}", invalidation[0]),
    };
    stream.map_ok(words).try_collect().await.unwrap()
}

#[tokio::test]
async fn events_come_in_the_order_in_which_a_reader_must_act() {
    let message =
        |blocks: &[u64], metadata: String| batch_message(&rows(blocks.iter().copied()), &metadata);
    let messages = vec![
        schema_message(&schema()),
        message(&[], metadata(0, 100, 104, false)),
        message(&[100, 104], metadata(0, 100, 104, false)),
        message(&[], metadata(0, 100, 104, true)),
        message(&[103], metadata(1, 103, 105, false)),
        message(&[105], metadata(1, 103, 105, true)),
        message(&[], r#"{"ranges":[],"ranges_complete":true}"#.to_owned()),
        message(&[106], String::new()),
    ];
    assert_eq!(
        events(messages, None).await,
        [
            "0 rows, metadata true",
            "2 rows, metadata true",
            "watermark [BlockNum(104)]",
            "reorg anvil [103..104]",
            "1 rows, metadata true",
            "1 rows, metadata true",
            "watermark [BlockNum(105)]",
            "0 rows, metadata true",
            "1 rows, metadata false",
        ]
    );
}

#[tokio::test]
async fn a_reorg_while_nobody_was_streaming_is_told_even_where_it_has_no_rows() {
    let messages =
        vec![schema_message(&schema()), batch_message(&rows([]), &metadata(1, 103, 105, true))];
    assert_eq!(
        events(messages, Some(&cursor("anvil", 104))).await,
        ["reorg anvil [103..104]", "watermark [BlockNum(105)]"]
    );
}
