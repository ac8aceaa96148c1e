use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many bytes of rows all tables together may hold, given out in the order they ask.
#[derive(Clone, Debug)]
pub(crate) struct MemoryBudget {
    units: Arc<Semaphore>,
    total: u32,
}

/// The budget is counted in units of this many bytes.
const UNIT_BYTES: usize = 1 << 10;

impl MemoryBudget {
    pub(crate) fn new(bytes: NonZeroUsize) -> Self {
        let total = units(bytes.get()).max(1);
        Self {
            units: Arc::new(Semaphore::new(usize::try_from(total).unwrap_or(usize::MAX))),
            total,
        }
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
        let units = self.budget.clamp(bytes);
        match Arc::clone(&self.budget.units).try_acquire_many_owned(units) {
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
        let units = self.budget.clamp(bytes);
        // The semaphore is never closed.
        if let Ok(permit) = Arc::clone(&self.budget.units).acquire_many_owned(units).await {
            self.add(permit);
        }
    }

    /// Splits off what `bytes` were taken with, as far as it is there.
    pub(crate) fn split(&mut self, bytes: usize) -> Self {
        let held = self.held.as_mut().and_then(|held| {
            let most = held.num_permits();
            let wanted = usize::try_from(units(bytes)).unwrap_or(usize::MAX);
            held.split(wanted.min(most))
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
    /// One message larger than the whole budget passes alone.
    fn clamp(&self, bytes: usize) -> u32 {
        units(bytes).min(self.total)
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX >> 3).min(u32::MAX >> 3)
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
