//! TCP proxies that break things at a chosen moment.
//!
//! [`Proxy`] knows bytes only: it cuts, stalls and refuses when told to. [`PgProxy`] can do the
//! same and also reads the PostgreSQL protocol as it passes, so that a fault strikes exactly
//! where it hurts: at a COMMIT whose reply is lost, or in the middle of a COPY.

mod fault;
mod postgres;
mod switches;
mod tcp;
mod wire;

pub use fault::{Fault, Struck};
pub use postgres::PgProxy;
pub use tcp::Proxy;
