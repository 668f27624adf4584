//! Connections are encrypted as was said, or are not made.

use switchover::port::DataError;
use switchover_postgres::{PostgresOptions, Server, SslMode};

use crate::support::{A, B, ENTRIES, direct, fresh, resolve, side, variable};

async fn encrypted(
    name: &str,
    change: impl FnOnce(&mut switchover_postgres::PostgresSide),
) -> Result<bool, DataError> {
    let mut options: PostgresOptions = direct();
    change(options.sides.get_mut(name).unwrap());
    let server = Server::new(&side(name), &options, &resolve).unwrap();
    let session = server.admin().await?;
    let row =
        session.query_one("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[]).await.unwrap();
    Ok(row.get(0))
}

#[tokio::test]
async fn a_connection_is_encrypted_as_was_said_or_not_made() {
    fresh(ENTRIES).await;
    let root = || Some(variable("SWITCHOVER_PG_ROOT").into());
    assert_eq!(encrypted(A, |side| side.sslmode = SslMode::Disable).await, Ok(false));
    assert_eq!(encrypted(A, |side| side.sslmode = SslMode::Require).await, Ok(true));
    let verified =
        encrypted(A, |side| (side.sslmode, side.root_certificate) = (SslMode::VerifyFull, root())).await;
    assert_eq!(verified, Ok(true));
    // The system's own certificates do not know this server; the name is not the certificate's; the other server offers no TLS.
    let unknown = encrypted(A, |side| side.sslmode = SslMode::VerifyFull).await;
    let misnamed = encrypted(A, |side| {
        (side.sslmode, side.root_certificate, side.host) = (SslMode::VerifyFull, root(), "localhost".into());
    })
    .await;
    let offered = encrypted(B, |side| side.sslmode = SslMode::Require).await;
    let offered_verified =
        encrypted(B, |side| (side.sslmode, side.root_certificate) = (SslMode::VerifyFull, root())).await;
    for refused in [unknown, misnamed, offered, offered_verified] {
        assert!(matches!(refused, Err(DataError::Unreachable { .. })), "{refused:?}");
    }
}
