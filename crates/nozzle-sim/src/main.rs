//! `nozzle-sim`: the simulated server by itself, for demos, benchmarks and other languages.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use nozzle_sim::{
    Break, Growth, Recording, ReplayOptions, ReplayServer, SimConfig, SimServer, Table,
};
use tokio::signal::unix::{SignalKind, signal};
use tonic::Code;

/// A simulated Nozzle (Amp) server.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve a chain that grows, and reorganises now and then.
    ///
    /// Prints its address, and then each block. SIGUSR1 ends the growing, not the serving.
    Serve(Serve),
    /// Serve recordings.
    Replay(Replay),
    /// Make this crate's recordings anew.
    Record {
        /// Where to.
        dir: PathBuf,
    },
    /// Print a dataset config for the tables that `serve` serves.
    Manifest(Dataset),
}

/// What is served.
#[derive(Clone, Debug, Args)]
struct Dataset {
    /// Everything random follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The network's name.
    #[arg(long, default_value = "simnet")]
    network: String,
    /// The dataset's name.
    #[arg(long, default_value = "sim")]
    dataset: String,
    /// The tables, of `blocks`, `logs`, `transactions` and `sparse`.
    #[arg(long, value_delimiter = ',', default_value = "blocks,logs,transactions,sparse")]
    tables: Vec<String>,
    /// The average number of rows in a block of `logs` and `transactions`.
    #[arg(long)]
    rows_per_block: Option<u32>,
}

#[derive(Debug, Args)]
struct Serve {
    #[command(flatten)]
    dataset: Dataset,
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:1602")]
    listen: SocketAddr,
    /// How many blocks there are at the start.
    #[arg(long, default_value_t = Growth::default().start_blocks)]
    start_blocks: u64,
    /// Milliseconds between two blocks; 0 mines none.
    #[arg(long, default_value_t = 1000)]
    block_interval_ms: u64,
    /// A reorg after this many blocks; 0 for none.
    #[arg(long, default_value_t = Growth::default().reorg_every)]
    reorg_every: u64,
    /// How many blocks a reorg replaces.
    #[arg(long, default_value_t = Growth::default().reorg_depth)]
    reorg_depth: u64,
    /// The most blocks in one range.
    #[arg(long, default_value_t = 1000)]
    microbatch_blocks_max: u64,
    /// The bearer token that clients must send.
    #[arg(long)]
    token: Option<String>,
}

#[derive(Debug, Args)]
struct Replay {
    /// The recordings, `NAME.jsonl`. With several, a query gets that of its table.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:1602")]
    listen: SocketAddr,
    /// Begin anew after the last batch.
    #[arg(long)]
    repeat: bool,
    /// Break every stream after this many messages.
    #[arg(long)]
    cut_after: Option<usize>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut cause = error.source();
            eprint!("nozzle-sim: {error}");
            while let Some(error) = cause {
                eprint!(": {error}");
                cause = error.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<(), Box<dyn Error>> {
    match cli.verb {
        Verb::Serve(options) => serve(options).await,
        Verb::Replay(options) => replay(options).await,
        Verb::Record { dir } => {
            std::fs::create_dir_all(&dir)?;
            Ok(nozzle_sim::record(&dir).await?)
        }
        Verb::Manifest(dataset) => {
            print!("{}", dataset.config()?.manifest_json());
            Ok(())
        }
    }
}

impl Dataset {
    fn config(self) -> Result<SimConfig, String> {
        let tables: Result<Vec<Table>, String> =
            self.tables.iter().map(|name| self.table(name)).collect();
        Ok(SimConfig {
            seed: self.seed,
            network: self.network.clone(),
            dataset: self.dataset.clone(),
            tables: tables?,
            ..SimConfig::default()
        })
    }

    fn table(&self, name: &str) -> Result<Table, String> {
        let many = |table: Table| match self.rows_per_block {
            Some(rows) => table.with_rows_per_block(0..=rows.saturating_mul(2)),
            None => table,
        };
        match name {
            "blocks" => Ok(Table::blocks()),
            "logs" => Ok(many(Table::logs())),
            "transactions" => Ok(many(Table::transactions())),
            "sparse" => Ok(Table::sparse()),
            _ => Err(format!("no table is called {name}")),
        }
    }
}

async fn serve(options: Serve) -> Result<(), Box<dyn Error>> {
    let growth = Growth {
        start_blocks: options.start_blocks,
        reorg_every: options.reorg_every,
        reorg_depth: options.reorg_depth,
    };
    let config = SimConfig {
        microbatch_blocks_max: options.microbatch_blocks_max,
        token: options.token,
        addr: options.listen,
        ..options.dataset.config()?
    };
    let server = SimServer::start(config).await?;
    growth.begin(&server);
    println!("{}", server.endpoint());
    let stop = stop();
    tokio::pin!(stop);
    if options.block_interval_ms == 0 {
        return stop.await;
    }
    let mut settle = signal(SignalKind::user_defined1())?;
    let mut interval = tokio::time::interval(Duration::from_millis(options.block_interval_ms));
    interval.tick().await;
    for step in 1_u64.. {
        tokio::select! {
            biased;
            stopped = &mut stop => return stopped,
            _ = settle.recv() => break,
            _ = interval.tick() => println!("{}", growth.step(&server, step)),
        }
    }
    println!("settled");
    stop.await
}

async fn replay(options: Replay) -> Result<(), Box<dyn Error>> {
    let recordings: Result<Vec<_>, _> =
        options.files.iter().map(|file| Recording::load(file)).collect();
    let broken = || Break::Status(Code::Unavailable, "the recording was cut here".to_owned());
    let cut = options.cut_after.map(|after| (after, broken()));
    let replay = ReplayOptions { repeat: options.repeat, cut, addr: options.listen };
    let server = ReplayServer::start(recordings?, replay).await?;
    println!("{}", server.endpoint());
    stop().await
}

/// Returns when the process is asked to stop.
async fn stop() -> Result<(), Box<dyn Error>> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminated.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}
