//! One open connection.

use std::ops::Deref;

use tokio::task::JoinHandle;
use tokio_postgres::Client;

/// An open connection. Dropping it closes it, whatever is on its way; the server then ends the statement by itself
/// (`client_connection_check_interval`).
#[derive(Debug)]
pub struct Session {
    client: Client,
    driver: JoinHandle<()>,
}

impl Session {
    pub(super) fn new(client: Client, driver: JoinHandle<()>) -> Self {
        Self { client, driver }
    }
}

impl Deref for Session {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
