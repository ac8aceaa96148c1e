//! The HTTP server: whether the process lives and is ready, what its tables do, and a page that
//! shows it. It reads what others write down, and nothing ever waits for it.

mod headers;
mod metrics;
mod page;
mod readiness;
mod routes;
mod scene;
mod server;
mod status;

pub(crate) use scene::{Scene, Started};
pub(crate) use server::listen;
