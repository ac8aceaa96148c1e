//! The engine through its public surface: scripted streams, a sink in memory, injected faults,
//! and time that is paused, so that an hour of retries takes no time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod changing;
mod faulty;
mod following;
mod healing;
mod script;
mod stopping;
mod telling;
mod traits;
mod world;
