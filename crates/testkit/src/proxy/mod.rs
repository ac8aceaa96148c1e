//! TCP proxies that break things at a chosen moment.
//!
//! [`Proxy`] knows bytes only: it cuts, stalls, refuses, forgets, garbles and slows down when told
//! to. [`PgProxy`] can do the same and also reads the PostgreSQL protocol as it passes, so that a
//! fault strikes exactly where it hurts: at a COMMIT whose reply is lost, in the middle of a COPY,
//! or at a statement that is about to arrive.

mod delay;
mod fault;
mod postgres;
mod shape;
mod switches;
mod tcp;
mod wire;

pub use fault::{Fault, Moment, Struck};
pub use postgres::PgProxy;
pub use shape::Shape;
pub use tcp::Proxy;
