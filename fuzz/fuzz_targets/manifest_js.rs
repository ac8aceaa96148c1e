//! Configs in TypeScript and JavaScript, which are evaluated. The first line says which: a comment
//! `// js` or `// cjs`; otherwise it is TypeScript.
#![no_main]

use std::io;
use std::path::Path;
use std::time::Duration;

use ampsync_manifest::{Host, Limits, load};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let path = match text.lines().next() {
        Some("// js") => "nozzle.config.js",
        Some("// cjs") => "nozzle.config.cjs",
        _ => "nozzle.config.ts",
    };
    let files = |asked: &Path| match asked == Path::new(path) {
        true => Ok(text.to_owned()),
        // Every other module is the same one, so that imports lead somewhere.
        false if asked == Path::new("abi.ts") => Ok("export const abi = []".to_owned()),
        false => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let limits = Limits::default()
        .with_time_max(Duration::from_millis(200))
        .with_memory_bytes_max(16 << 20);
    match load(Path::new(path), &Host::new(&files).with_limits(limits)) {
        Ok(manifest) => assert!(!manifest.tables().is_empty()),
        Err(problems) => assert!(!problems.to_string().is_empty()),
    }
});
