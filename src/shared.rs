//! A value that sections or threads share and use one at a time.

use std::fmt::{Debug, Formatter, Result as FmtResult};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A handle to a shared value.
pub struct Shared<T>(Arc<Mutex<T>>);

impl<T> Shared<T> {
    /// Makes a value shareable.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(value)))
    }

    /// Waits until nobody else uses the value.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        // The values are consistent after every step, so a poisoned lock does no harm.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Debug for Shared<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.write_str("Shared")
    }
}
