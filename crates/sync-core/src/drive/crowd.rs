use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many tables catch up at the same time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crowd(Arc<AtomicUsize>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Member(Crowd);

impl Crowd {
    pub(crate) fn join(&self) -> Member {
        self.0.fetch_add(1, Ordering::Relaxed);
        Member(self.clone())
    }

    pub(crate) fn size(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
