//! Follows a query and prints what happens.
//!
//! ```sh
//! cargo run --example follow -- http://localhost:1602 'SELECT * FROM "_/eth_rpc@1.0.0".blocks'
//! ```
//!
//! A bearer token is taken from `NOZZLE_AUTH_TOKEN`.

use std::env;

use futures::StreamExt;
use nozzle_client::{ReorgEvent, SqlClient, with_reorg};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [endpoint, sql] = arguments.as_slice() else {
        return Err("usage: follow ENDPOINT SQL".into());
    };
    let mut builder = SqlClient::builder(endpoint);
    if let Ok(token) = env::var("NOZZLE_AUTH_TOKEN") {
        builder = builder.bearer_token(token);
    }
    let stream = builder.build()?.query(sql, None).await?;
    for field in stream.schema().fields() {
        println!("column {} {}", field.name(), field.data_type());
    }

    let mut events = with_reorg(stream);
    while let Some(event) = events.next().await {
        match event? {
            ReorgEvent::Batch { data, metadata } => {
                let ranges = metadata.map(|metadata| metadata.ranges).unwrap_or_default();
                let ranges: Vec<_> = ranges.iter().map(ToString::to_string).collect();
                println!("{} rows of {}", data.num_rows(), ranges.join(", "));
            }
            ReorgEvent::Reorg { invalidation } => {
                for range in invalidation {
                    println!("reorg: the rows of {range} are not true any more");
                }
            }
            ReorgEvent::Watermark(resume) => println!("complete; resume from {resume}"),
        }
    }
    println!("the server has no data for this query yet");
    Ok(())
}
