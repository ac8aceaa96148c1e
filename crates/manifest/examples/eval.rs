//! Reads a config as ampsync does, and prints what it means and how long that took.
//!
//! `cargo run --release -p ampsync-manifest --example eval -- nozzle.config.ts`

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use ampsync_manifest::{Host, load};

fn main() -> ExitCode {
    let Some(path) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: eval CONFIG");
        return ExitCode::from(2);
    };
    let files = |path: &Path| std::fs::read_to_string(path);
    let host = Host::new(&files).with_environment(env::vars());
    let began = Instant::now();
    let outcome = load(&path, &host);
    let took = began.elapsed();
    match outcome {
        Ok(manifest) => {
            if let Some(dataset) = manifest.dataset() {
                println!("{dataset}");
            }
            for table in manifest.tables() {
                println!("{}: {}", table.name(), table.sql().unwrap_or("-"));
            }
            println!("read in {took:?}");
            ExitCode::SUCCESS
        }
        Err(problems) => {
            eprintln!("{problems}");
            ExitCode::FAILURE
        }
    }
}
