use ampsync_testkit::verify::{self, Verdict};
use anyhow::{Context, Result, bail};
use nozzle_sim::SimServer;
use tokio_postgres::Client;

/// The names of the dataset's tables.
pub(crate) fn table_names(sim: &SimServer) -> Vec<String> {
    sim.config().tables.iter().map(|table| table.name().to_owned()).collect()
}

/// Compares every table with the canonical chain, and prints what came of it.
///
/// # Errors
/// When one of them is not equal; the error says how.
pub(crate) async fn compare(sim: &SimServer, client: &Client) -> Result<()> {
    let mut different = Vec::new();
    let mut lines = Vec::new();
    for table in table_names(sim) {
        let expected = sim.canonical(&table);
        let verdict = verify::table(client, "public", &table, &expected).await;
        match verdict.with_context(|| format!("could not compare {table}"))? {
            Verdict::Equal { rows, hash } => {
                lines.push(format!("  {table:<14}{rows:>9} rows, equal ({hash:016x})"));
            }
            Verdict::Different(difference) => {
                lines.push(format!("  {table:<14}DIFFERENT"));
                different.push(format!("{table}: {difference}"));
            }
        }
    }
    println!("\nThe tables and the canonical chain:\n{}", lines.join("\n"));
    if different.is_empty() {
        return Ok(());
    }
    bail!("the tables are not equal to the chain\n{}", different.join("\n"));
}
