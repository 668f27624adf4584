//! A way to a server that can be cut: at once, or after so many bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Leads from a port of its own to a server's.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) port: u16,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    /// The bytes that may still pass, in either direction.
    left: AtomicI64,
    passed: AtomicU64,
    cut: watch::Sender<bool>,
}

impl Proxy {
    pub(super) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            left: AtomicI64::new(i64::MAX),
            passed: AtomicU64::new(0),
            cut: watch::Sender::new(false),
        });
        let state = Arc::clone(&shared);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *state.cut.borrow() {
                    continue;
                }
                tokio::spawn(carry(client, port, Arc::clone(&state)));
            }
        });
        Self { port: own, shared, accepting }
    }

    /// Ends every connection, and every new one at once.
    pub(super) fn cut(&self) {
        self.shared.cut.send_replace(true);
    }

    /// Does so after so many more bytes.
    pub(super) fn cut_after(&self, bytes: i64) {
        self.shared.left.store(bytes, Ordering::SeqCst);
    }

    pub(super) fn mend(&self) {
        self.shared.left.store(i64::MAX, Ordering::SeqCst);
        self.shared.cut.send_replace(false);
    }

    pub(super) fn is_cut(&self) -> bool {
        *self.shared.cut.borrow()
    }

    pub(super) fn passed(&self) -> u64 {
        self.shared.passed.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn carry(client: TcpStream, port: u16, shared: Arc<Shared>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut cut = shared.cut.subscribe();
    tokio::select! {
        () = copy(from_client, to_server, &shared) => {}
        () = copy(from_server, to_client, &shared) => {}
        _ = cut.wait_for(|cut| *cut) => {}
    }
}

async fn copy(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    shared: &Shared,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let bytes = i64::try_from(read).unwrap();
        shared.passed.fetch_add(read as u64, Ordering::SeqCst);
        if shared.left.fetch_sub(bytes, Ordering::SeqCst) < bytes {
            shared.cut.send_replace(true);
            return;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
