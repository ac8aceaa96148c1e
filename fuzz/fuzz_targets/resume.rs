//! Where a stream resumes, as the header that is sent: networks may be called anything.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nozzle_client::ResumeWatermark;
use sync_core::chain::{BlockHash, BlockNum, Cursor, Network};

fuzz_target!(|blocks: Vec<(String, u64, [u8; 32])>| {
    let mut resume = ResumeWatermark::new();
    for (network, number, hash) in &blocks {
        let Ok(number) = BlockNum::try_from(*number) else { continue };
        let cursor = Cursor { network: Network::new(network), number, hash: BlockHash(*hash) };
        resume.insert(cursor.clone());
        assert_eq!(resume.get(&cursor.network), Some(cursor));
    }
    let text = resume.to_string();
    assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{text}");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let json = json.as_object().expect("an object");
    assert_eq!(json.len(), resume.cursors().count());
    for cursor in resume.cursors() {
        let block = &json[cursor.network.as_str()];
        assert_eq!(block["number"].as_u64(), Some(cursor.number.get()));
        assert_eq!(block["hash"].as_str(), Some(cursor.hash.to_string().as_str()));
    }
});
