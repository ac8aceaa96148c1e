//! What a message says of its blocks: JSON of all eras.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nozzle_client::{Metadata, ReorgDetector, ResumeWatermark};

fuzz_target!(|data: &[u8]| {
    match Metadata::parse(data) {
        Ok(None) => assert!(data.is_empty()),
        Ok(Some(metadata)) => {
            for range in &metadata.ranges {
                assert!(range.start() <= range.end());
                assert!(range.end().as_i64() >= 0);
                assert!(!range.network().as_str().is_empty());
            }
            let mut detector = ReorgDetector::new();
            assert!(detector.observe(&metadata.ranges[..metadata.ranges.len().min(1)]).is_empty());
            detector.observe(&metadata.ranges);
            // Whatever was read can be asked for again.
            let cursors = metadata.ranges.iter().map(|range| range.cursor());
            let resume = cursors.collect::<ResumeWatermark>();
            let text = resume.to_string();
            assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{text}");
            let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            for cursor in resume.cursors() {
                let block = &json[cursor.network.as_str()];
                assert_eq!(block["number"].as_u64(), Some(cursor.number.get()));
                assert_eq!(block["hash"].as_str(), Some(cursor.hash.to_string().as_str()));
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
