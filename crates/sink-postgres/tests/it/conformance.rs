//! The contracts of every sink, against a real PostgreSQL.

use sink_postgres::PostgresSink;
use sync_core::conformance::Harness;

use crate::support::{World, sink};

impl Harness for World {
    type Sink = PostgresSink;

    async fn sink(&self) -> PostgresSink {
        sink(&self.other_process().await)
    }

    async fn rows(&self) -> Vec<(u64, u64)> {
        let exists = "SELECT to_regclass('public.conformance') IS NOT NULL";
        if !self.session.query_one(exists, &[]).await.unwrap().get::<_, bool>(0) {
            return Vec::new();
        }
        let rows = self.texts("SELECT _block_num::text, value::text FROM conformance").await;
        let number = |text: &Option<String>| text.as_ref().unwrap().parse().unwrap();
        rows.iter().map(|row| (number(&row[0]), number(&row[1]))).collect()
    }
}

sync_core::sink_conformance!(World::new());
