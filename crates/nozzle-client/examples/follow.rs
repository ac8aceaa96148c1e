//! Follows a query and prints what happens.
//!
//! ```sh
//! cargo run --example follow -- http://localhost:1602 'SELECT * FROM "_/eth_rpc@1.0.0".blocks'
//! ```
//!
//! A bearer token is taken from `NOZZLE_AUTH_TOKEN`.

use std::env;
use std::error::Error;
use std::io::{Write, stdout};

use futures::StreamExt;
use nozzle_client::{ReorgEvent, SqlClient, with_reorg};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [endpoint, sql] = arguments.as_slice() else {
        return Err("usage: follow ENDPOINT SQL".into());
    };
    let mut builder = SqlClient::builder(endpoint);
    if let Ok(token) = env::var("NOZZLE_AUTH_TOKEN") {
        builder = builder.bearer_token(token);
    }
    follow(&builder.build()?, sql, &mut stdout()).await
}

pub(crate) async fn follow(
    client: &SqlClient,
    sql: &str,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let stream = client.query(sql, None).await?;
    for field in stream.schema().fields() {
        writeln!(out, "column {} {}", field.name(), field.data_type())?;
    }

    let mut events = with_reorg(stream);
    while let Some(event) = events.next().await {
        match event? {
            ReorgEvent::Batch { data, metadata } => {
                let ranges = metadata.map(|metadata| metadata.ranges).unwrap_or_default();
                let ranges: Vec<_> = ranges.iter().map(ToString::to_string).collect();
                writeln!(out, "{} rows of {}", data.num_rows(), ranges.join(", "))?;
            }
            ReorgEvent::Reorg { invalidation } => {
                for range in invalidation {
                    writeln!(out, "reorg: the rows of {range} are not true any more")?;
                }
            }
            ReorgEvent::Watermark(resume) => writeln!(out, "complete; resume from {resume}")?,
        }
    }
    writeln!(out, "the server has no data for this query yet")?;
    Ok(())
}
