use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::health::MemoryUse;

/// How many bytes of rows all tables together may hold, given out in the order they ask.
///
/// It is counted to the byte: what several messages took is given back by one epoch, and a
/// rounding error would in time use it up.
#[derive(Clone, Debug)]
pub(crate) struct MemoryBudget {
    bytes: Arc<Semaphore>,
    total: u32,
}

impl MemoryBudget {
    pub(crate) fn new(bytes: NonZeroUsize) -> Self {
        let total = u32::try_from(bytes.get()).unwrap_or(u32::MAX);
        let permits = usize::try_from(total).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { bytes: Arc::new(Semaphore::new(permits)), total }
    }

    /// An empty share of it.
    pub(crate) fn share(&self) -> Share {
        Share { budget: self.clone(), held: None }
    }
}

/// What one table holds of the budget. Dropping it gives all back.
#[derive(Debug)]
pub(crate) struct Share {
    budget: MemoryBudget,
    held: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Takes `bytes` more, if they are there.
    pub(crate) fn try_grow(&mut self, bytes: usize) -> bool {
        let bytes = self.budget.clamp(bytes);
        match Arc::clone(&self.budget.bytes).try_acquire_many_owned(bytes) {
            Ok(permit) => {
                self.add(permit);
                true
            }
            Err(_) => false,
        }
    }

    /// Takes `bytes` more, waiting in line for them.
    ///
    /// # Cancellation
    /// Dropping the future gives up the place in line; nothing is taken.
    pub(crate) async fn grow(&mut self, bytes: usize) {
        let bytes = self.budget.clamp(bytes);
        // The semaphore is never closed.
        if let Ok(permit) = Arc::clone(&self.budget.bytes).acquire_many_owned(bytes).await {
            self.add(permit);
        }
    }

    /// Splits off what `bytes` were taken with, as far as it is there.
    pub(crate) fn split(&mut self, bytes: usize) -> Self {
        let held = self.held.as_mut().and_then(|held| {
            let most = held.num_permits();
            held.split(bytes.min(most))
        });
        Self { budget: self.budget.clone(), held }
    }

    fn add(&mut self, permit: OwnedSemaphorePermit) {
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
    }
}

impl MemoryBudget {
    /// How much of it is taken.
    pub(crate) fn usage(&self) -> MemoryUse {
        let limit_bytes = usize::try_from(self.total).unwrap_or(usize::MAX);
        let used_bytes = limit_bytes.saturating_sub(self.bytes.available_permits());
        MemoryUse { used_bytes, limit_bytes }
    }

    /// One message larger than the whole budget passes alone.
    fn clamp(&self, bytes: usize) -> u32 {
        u32::try_from(bytes).unwrap_or(u32::MAX).min(self.total)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn budget(kib: usize) -> MemoryBudget {
        MemoryBudget::new(NonZeroUsize::new(kib << 10).unwrap())
    }

    #[tokio::test]
    async fn what_is_split_off_returns_when_it_is_dropped() {
        let budget = budget(10);
        let mut share = budget.share();
        assert!(share.try_grow(8 << 10));
        let limit_bytes = 10 << 10;
        assert_eq!(budget.usage(), MemoryUse { used_bytes: 8 << 10, limit_bytes });
        assert!(!share.try_grow(3 << 10));
        let part = share.split(5 << 10);
        assert!(!share.try_grow(3 << 10));
        drop(part);
        assert!(share.try_grow(7 << 10));
        drop(share);
        assert!(budget.share().try_grow(10 << 10));
    }

    #[tokio::test]
    async fn a_message_larger_than_the_budget_passes_alone() {
        let budget = budget(10);
        let (mut large, mut small) = (budget.share(), budget.share());
        assert!(large.try_grow(1 << 30));
        assert!(small.grow(1).now_or_never().is_none());
        drop(large);
        small.grow(1).now_or_never().expect("the budget is free again");
    }
}
