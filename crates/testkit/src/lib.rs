//! What tests, the demo and benchmarks start by themselves.
//!
//! - [`postgres`]: a private PostgreSQL, up in a fraction of a second and gone with its owner;
//! - [`proxy`]: TCP proxies that lose replies, cut, stall and refuse, at a chosen moment;
//! - [`verify`]: whether a table has exactly the rows of some Arrow batches;
//! - [`certificates`]: good ones and bad ones, from authorities of a test's own;
//! - [`snapshot`]: what a concurrent reader of a table sees, snapshot after snapshot;
//! - [`browser`]: a headless Chromium, which shows a page as a person would see it.
//!
//! Nothing here knows the product's own encoders or statements: it is the other opinion.

pub mod browser;
pub mod certificates;
pub mod postgres;
pub mod proxy;
pub mod snapshot;
pub mod verify;
