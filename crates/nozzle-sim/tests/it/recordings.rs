//! Recordings: made, kept, and said again.

use std::path::{Path, PathBuf};

use nozzle_sim::{
    Break, End, Probe, ProbeError, ProbeMessage, ProbeStream, Recording, ReplayOptions,
    ReplayServer, record,
};
use serde_json::Value;
use tonic::Code;

fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings")
}

fn load(name: &str) -> Recording {
    Recording::load(&kept().join(name).with_extension("jsonl")).unwrap()
}

/// The names of the recordings in a directory, sorted.
fn names(dir: &Path) -> Vec<String> {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let recordings = files.filter(|path| path.extension().is_some_and(|it| it == "jsonl"));
    let mut names: Vec<String> =
        recordings.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn json(text: Option<&str>) -> Value {
    text.map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
}

async fn replay(name: &str, options: ReplayOptions) -> (Recording, ReplayServer) {
    let recording = load(name);
    let server = ReplayServer::start(vec![recording.clone()], options).await.unwrap();
    (recording, server)
}

async fn open(
    server: &ReplayServer,
    sql: &str,
    headers: &[(&str, &str)],
) -> Result<ProbeStream, ProbeError> {
    Probe::connect(&server.endpoint()).await.unwrap().open(sql, headers).await
}

async fn next(stream: &mut ProbeStream) -> ProbeMessage {
    stream.next().await.unwrap().unwrap()
}

#[tokio::test]
async fn the_simulator_still_says_what_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    record(dir.path()).await.unwrap();
    let names = names(&kept());
    assert_eq!(names, self::names(dir.path()));
    for name in names {
        let (kept, made) = (load(&name), dir.path().join(&name).with_extension("jsonl"));
        let made = Recording::load(&made).unwrap();
        assert_eq!((&kept.sql, &kept.schema), (&made.sql, &made.schema), "{name}");
        assert_eq!(kept.messages.len(), made.messages.len(), "{name}");
        for (kept, made) in kept.messages.iter().zip(&made.messages) {
            assert_eq!(kept.rows, made.rows, "{name}");
            assert_eq!(json(kept.metadata.as_deref()), json(made.metadata.as_deref()), "{name}");
        }
        assert_eq!(format!("{:?}", kept.end), format!("{:?}", made.end), "{name}");
    }
}

#[tokio::test]
async fn a_replay_is_verbatim() {
    for name in names(&kept()) {
        let (recording, server) = replay(&name, ReplayOptions::default()).await;
        let mut stream = match (open(&server, &recording.sql, &[]).await, &recording.end) {
            (Ok(stream), _) => stream,
            (Err(ProbeError::FlightInfo(status)), End::FlightInfo(recorded))
            | (Err(ProbeError::DoGet(status)), End::DoGet(recorded)) => {
                assert_eq!(status.code(), recorded.code(), "{name}");
                assert_eq!(status.message(), recorded.message(), "{name}");
                continue;
            }
            (Err(error), end) => panic!("{name}: {error}, not {end:?}"),
        };
        assert_eq!(Some(stream.schema()), recording.schema.as_ref(), "{name}");
        for recorded in &recording.messages {
            let message = next(&mut stream).await;
            assert_eq!(message.rows, recorded.rows, "{name}");
            assert_eq!(Some(&message.metadata), recorded.metadata.as_ref(), "{name}");
        }
        match recording.end {
            End::Eof => assert!(stream.next().await.unwrap().is_none(), "{name}"),
            End::Open | End::FlightInfo(_) | End::DoGet(_) => {
                drop(server);
                assert!(stream.next().await.is_err(), "{name} ended by itself");
            }
        }
    }
}

/// The cursor that a message completes.
fn cursor(metadata: &str) -> Option<String> {
    let value: Value = serde_json::from_str(metadata).unwrap();
    let range = &value["ranges"][0];
    let at = serde_json::json!({ "number": range["numbers"]["end"], "hash": range["hash"] });
    (value["ranges_complete"] == true)
        .then(|| serde_json::json!({ range["network"].as_str().unwrap(): at }).to_string())
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_follows_its_cursor() {
    for name in ["live_logs", "catchup_midrange_blocks"] {
        let (recording, server) = replay(name, ReplayOptions::default()).await;
        for (index, message) in recording.messages.iter().enumerate() {
            let cursor = cursor(message.metadata.as_deref().unwrap());
            let Some(follower) = recording.messages.get(index + 1) else { continue };
            let Some(cursor) = cursor else { continue };
            let headers = [("amp-resume", cursor.as_str())];
            let mut stream = open(&server, &recording.sql, &headers).await.unwrap();
            assert_eq!(Some(next(&mut stream).await.metadata), follower.metadata, "{name}");
        }
    }
}

#[tokio::test]
async fn a_cursor_inside_a_range_that_a_reorg_split_is_known_too() {
    let (recording, server) = replay("catchup_midrange_logs", ReplayOptions::default()).await;
    let metadata = |index: usize| json(recording.messages[index].metadata.as_deref());
    let starts: Vec<u64> = (0..recording.messages.len())
        .map(|index| metadata(index)["ranges"][0]["numbers"]["start"].as_u64().unwrap())
        .collect();
    let at = (0..starts.len()).find(|index| starts[*index] == 58).unwrap();
    let range = &metadata(at)["ranges"][0];
    let cursor = serde_json::json!({ "anvil": { "number": 57, "hash": range["prev_hash"] } });
    let headers = [("amp-resume", &*cursor.to_string())];
    let mut stream = open(&server, &recording.sql, &headers).await.unwrap();
    assert_eq!(Some(next(&mut stream).await.metadata), recording.messages[at].metadata);
}

#[tokio::test]
async fn an_unknown_cursor_gets_everything() {
    let (recording, server) = replay("live_logs", ReplayOptions::default()).await;
    let unknown = format!("{{\"anvil\":{{\"number\":3,\"hash\":\"0x{}\"}}}}", "1".repeat(64));
    let headers = [("amp-resume", unknown.as_str())];
    let mut stream = open(&server, &recording.sql, &headers).await.unwrap();
    assert_eq!(Some(next(&mut stream).await.metadata), recording.messages[0].metadata);
}

#[tokio::test]
async fn a_replay_can_be_cut_and_repeated() {
    let cut = Some((3, Break::Status(Code::Unavailable, "cut".to_owned())));
    let options = ReplayOptions { cut, ..ReplayOptions::default() };
    let (recording, server) = replay("live_logs", options).await;
    let mut stream = open(&server, &recording.sql, &[]).await.unwrap();
    next(&mut stream).await;
    next(&mut stream).await;
    assert_eq!(stream.next().await.unwrap_err().code(), Code::Unavailable);

    let options = ReplayOptions { repeat: true, ..ReplayOptions::default() };
    let (recording, server) = replay("live_logs", options).await;
    let mut stream = open(&server, &recording.sql, &[]).await.unwrap();
    for recorded in recording.messages.iter().chain(&recording.messages) {
        assert_eq!(Some(next(&mut stream).await.metadata), recorded.metadata);
    }
}

#[tokio::test]
async fn several_recordings_answer_by_table() {
    let recordings = vec![load("live_logs"), load("live_blocks")];
    let server = ReplayServer::start(recordings.clone(), ReplayOptions::default()).await.unwrap();
    for (table, recording) in [("blocks", &recordings[1]), ("logs", &recordings[0])] {
        let sql = format!("SELECT * FROM \"other/name@dev\".{table} SETTINGS stream = true");
        let mut stream = open(&server, &sql, &[]).await.unwrap();
        assert_eq!(next(&mut stream).await.rows, recording.messages[0].rows);
    }
    assert!(open(&server, "SELECT * FROM x.transactions", &[]).await.is_err());
    assert_eq!(server.requests().len(), 5);
}
