//! What the vendor of a system says about it on a public page.

use std::fmt::Debug;

use async_trait::async_trait;

use super::CheckFailure;

/// A status page. It is about a system that a pair stands on, not about an endpoint of the pair.
#[async_trait]
pub trait StatusPage: Debug + Send + Sync {
    /// Reads the page once, within a timeout of its own. Ok if it says nothing worse than its configuration allows. Changes nothing
    /// and may be repeated.
    async fn look(&self) -> Result<(), CheckFailure>;
}
