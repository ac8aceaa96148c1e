//! The sequences of ranges that the protocol knows.

use std::sync::Arc;

use nozzle_sim::{Chain, Probe, SimConfig, SimServer};

use crate::client::{STREAM, cursor, open, range, select, stream};

async fn server(blocks: u64, blocks_max: u64) -> SimServer {
    let config = SimConfig { microbatch_blocks_max: blocks_max, ..SimConfig::default() };
    let server = SimServer::start(config).await.unwrap();
    server.mine(blocks);
    server
}

fn hash(server: &SimServer, number: u64) -> String {
    server.chain().block(number).unwrap().hash.to_string()
}

#[tokio::test]
async fn a_stream_catches_up_by_ranges_and_then_follows_the_head() {
    let server = server(25, 10).await;
    let mut stream = stream(&server, "blocks", None).await;
    let first = range(&mut stream).await;
    assert_eq!(first.numbers(), (0, 9));
    assert_eq!(first.prev_hash, format!("0x{}", "0".repeat(64)));
    assert_eq!(first.hash, hash(&server, 9));
    assert_eq!(range(&mut stream).await.numbers(), (10, 19));
    assert_eq!(range(&mut stream).await.numbers(), (20, 24));
    server.mine(1);
    let next = range(&mut stream).await;
    assert_eq!(next.numbers(), (25, 25));
    assert_eq!(next.prev_hash, hash(&server, 24));
}

#[tokio::test]
async fn an_aligned_reorg_resends_the_replaced_block() {
    let server = server(1, 1000).await;
    let mut stream = stream(&server, "logs", None).await;
    range(&mut stream).await;
    for _ in 1..3 {
        server.mine(1);
        range(&mut stream).await;
    }
    server.reorg(1);
    let told = range(&mut stream).await;
    assert_eq!(told.numbers(), (2, 3));
    assert_eq!(told.prev_hash, hash(&server, 1));
    assert_eq!(told.hash, hash(&server, 3));
}

#[tokio::test]
async fn a_reorg_inside_a_range_does_not_resend_what_is_below() {
    let server = server(105, 1000).await;
    let mut stream = stream(&server, "logs", None).await;
    assert_eq!(range(&mut stream).await.numbers(), (0, 104));
    server.reorg(2);
    let told = range(&mut stream).await;
    assert_eq!(told.numbers(), (103, 105));
    assert_eq!(told.prev_hash, hash(&server, 102));
}

#[tokio::test]
async fn a_cursor_orphaned_meanwhile_resumes_below_itself() {
    let server = server(105, 1000).await;
    let old = cursor(&server, 104, &hash(&server, 104));
    server.reorg(2);
    server.reorg(1);
    let mut stream = stream(&server, "logs", Some(&old)).await;
    assert_eq!(range(&mut stream).await.numbers(), (103, 106));
}

#[tokio::test]
async fn a_forgotten_fork_resumes_at_exactly_the_cursor() {
    let server = server(105, 1000).await;
    let old = cursor(&server, 104, &hash(&server, 104));
    server.reorg(4);
    server.forget_forks();
    let mut stream = stream(&server, "logs", Some(&old)).await;
    let told = range(&mut stream).await;
    assert_eq!(told.numbers(), (104, 105));
    assert_eq!(told.prev_hash, hash(&server, 103));
}

#[tokio::test]
async fn a_cursor_above_the_head_is_met_with_silence_until_its_block_is_there() {
    let server = server(20, 1000).await;
    let ahead = cursor(&server, 19, &hash(&server, 19));
    server.update(|chain| chain.resync(Some(10)));
    let mut stream = stream(&server, "logs", Some(&ahead)).await;
    server.update(|chain| chain.resync(Some(15)));
    server.update(Chain::follow);
    server.mine(1);
    // Had anything been sent before, it would come first here.
    assert_eq!(range(&mut stream).await.numbers(), (20, 20));
}

#[tokio::test]
async fn a_fork_that_returns_is_resent_from_where_it_left() {
    let server = server(10, 1000).await;
    let old = server.chain().head().unwrap().hash;
    let mut stream = stream(&server, "blocks", None).await;
    range(&mut stream).await;
    server.reorg(3);
    assert_eq!(range(&mut stream).await.numbers(), (7, 10));
    server.update(|chain| chain.reorg_to(&old));
    assert_eq!(range(&mut stream).await.numbers(), (7, 11));
    assert_eq!(server.chain().block(9).unwrap().hash, old);
}

#[tokio::test]
async fn reorgs_between_two_looks_show_as_one() {
    let server = server(10, 1000).await;
    let mut stream = stream(&server, "blocks", None).await;
    range(&mut stream).await;
    server.update(|chain| {
        chain.reorg(2);
        chain.reorg(5);
        chain.mine(3);
    });
    // The first reorg leaves 11 blocks, 0 to 10; the second replaces 6 to 10 by 6 to 11.
    assert_eq!(range(&mut stream).await.numbers(), (6, 14));
}

#[tokio::test]
async fn a_dataset_may_start_above_block_zero() {
    let config = SimConfig { first_block: 500, ..SimConfig::default() };
    let server = SimServer::start(config).await.unwrap();
    server.mine(3);
    let mut stream = stream(&server, "blocks", None).await;
    assert_eq!(range(&mut stream).await.numbers(), (500, 502));
}

#[tokio::test]
async fn a_cursor_that_cannot_be_read_is_ignored() {
    let server = server(5, 1000).await;
    for text in ["not json", "", "{\"simnet\":5}", "{\"simnet\":{\"number\":1,\"hash\":\"0x1\"}}"] {
        let mut stream = stream(&server, "blocks", Some(text)).await;
        assert_eq!(range(&mut stream).await.numbers(), (0, 4), "{text}");
    }
}

#[tokio::test]
async fn other_networks_in_a_cursor_do_not_matter() {
    let server = server(5, 1000).await;
    let both = cursor(&server, 2, &hash(&server, 2))
        .replace("}}", "},\"other\":{\"number\":1,\"hash\":\"HASH\"}}");
    let both = both.replace("HASH", &hash(&server, 1));
    let mut stream = stream(&server, "blocks", Some(&both)).await;
    assert_eq!(range(&mut stream).await.numbers(), (3, 4));
}

#[tokio::test]
async fn a_ticket_can_be_redeemed_again_from_the_same_cursor() {
    let server = server(5, 1000).await;
    let mut probe = Probe::connect(&server.endpoint()).await.unwrap();
    let resume = cursor(&server, 2, &hash(&server, 2));
    let headers = [STREAM, ("amp-resume", resume.as_str())];
    let (schema, ticket) = probe.plan(&select("blocks"), &headers).await.unwrap();
    for end in 4..7 {
        let again = probe.redeem(Arc::clone(&schema), ticket.clone(), &[]).await;
        assert_eq!(range(&mut again.unwrap()).await.numbers(), (3, end));
        server.mine(1);
    }
}

#[tokio::test]
async fn the_header_overrides_the_suffix_and_nonsense_does_not() {
    let server = server(3, 1000).await;
    let sql = format!("{} SETTINGS stream = true", select("blocks"));
    for (headers, streams) in [
        (vec![], true),
        (vec![("amp-stream", "maybe")], true),
        (vec![("amp-stream", "FALSE")], false),
        (vec![STREAM], true),
    ] {
        let mut stream = open(&server, &sql, &headers).await.unwrap();
        range(&mut stream).await;
        if streams {
            server.mine(1);
            range(&mut stream).await;
        } else {
            assert!(stream.next().await.unwrap().is_none());
        }
    }
}

#[tokio::test]
async fn requests_are_recorded_with_their_headers() {
    let server = server(3, 1000).await;
    stream(&server, "blocks", Some("x")).await;
    server.requests_reach(|requests| requests.len() == 2).await;
    let [info, get] = server.requests().try_into().unwrap();
    assert_eq!(info.sql, select("blocks"));
    assert_eq!(info.headers["amp-stream"], "true");
    assert_eq!(info.headers["amp-resume"], "x");
    assert_eq!((get.sql, get.method), (info.sql, nozzle_sim::Method::DoGet));
}
