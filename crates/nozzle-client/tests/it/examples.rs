//! The example does what it says.

use std::io::{self, Write};

use nozzle_client::SqlClient;
use nozzle_sim::{SimConfig, SimServer};

#[path = "../../examples/follow.rs"]
#[expect(dead_code, reason = "its main reads the command line")]
mod follow;

/// Takes what is printed until a range is complete, and then no more.
#[derive(Default)]
struct UntilComplete(String);

impl Write for UntilComplete {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if self.0.contains("complete; resume from ") && self.0.ends_with('\n') {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.0.push_str(&String::from_utf8_lossy(text));
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn follow_prints_columns_rows_and_where_to_resume() {
    let config = SimConfig { microbatch_blocks_max: 10, ..SimConfig::default() };
    let server = SimServer::start(config).await.unwrap();
    server.mine(25);
    let sql = format!("SELECT * FROM \"{}\".blocks", server.config().dataset_ref());
    let client = SqlClient::new(&server.endpoint()).unwrap();
    let mut printed = UntilComplete::default();
    let ended = follow::follow(&client, &sql, &mut printed).await.unwrap_err();
    assert!(ended.downcast_ref::<io::Error>().is_some(), "{ended}");
    let UntilComplete(text) = printed;
    for part in ["column _block_num UInt64\n", " rows of ", "complete; resume from "] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
}
