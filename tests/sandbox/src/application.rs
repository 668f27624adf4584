//! The application of a site that keeps files: takes uploads, gives them back, and refuses writes while its flag says so.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::task::spawn_blocking;

/// The file that it looks for before it writes.
const FLAG: &str = "maintenance.json";

/// What the names of Switchover's trial writes begin with: the only files with a dot in front that clients may write.
const PROBE: &str = ".switchover-probe-";

/// What the names of uploads begin with that are not yet in their place.
const PART: &str = ".upload-";

/// The largest file that it takes, in bytes.
const LARGEST: usize = 1 << 20;

/// What a client asks of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The names of all files.
    List,
    /// A file's content.
    Get(String),
    /// To keep a file.
    Put(String),
    /// What it does not do.
    Other,
}

/// The flag as Switchover writes it; nothing but its end matters here. Without one, or with `null`, it has none.
#[derive(Debug, Deserialize)]
struct Flag {
    until: Option<Timestamp>,
}

/// Why a file was not kept.
#[derive(Debug)]
enum Unkept {
    /// Writes are frozen.
    Frozen,
    /// The disk did not take it.
    Disk(io::Error),
}

impl From<io::Error> for Unkept {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// What is asked, if the site keeps files and it is about those.
pub(crate) fn asked(folder: Option<&Path>, request: &Request) -> Option<(PathBuf, Asked)> {
    let folder = folder?.to_owned();
    let rest = request.uri().path().strip_prefix("/files")?;
    let asked = match (request.method(), rest.strip_prefix('/')) {
        (&Method::GET, None) if rest.is_empty() => Asked::List,
        (&Method::GET, Some(name)) => Asked::Get(name.to_owned()),
        (&Method::PUT, Some(name)) => Asked::Put(name.to_owned()),
        _ => Asked::Other,
    };
    Some((folder, asked))
}

/// Does what is asked. The disk is asked elsewhere than where connections are served.
pub(crate) async fn answer(folder: PathBuf, asked: Asked, body: Body) -> Response {
    let named = match &asked {
        Asked::Get(name) | Asked::Put(name) => is_name(name),
        Asked::List | Asked::Other => true,
    };
    if !named {
        return said(StatusCode::BAD_REQUEST, "that is no name of a file");
    }
    let body = match asked {
        Asked::Put(_) => to_bytes(body, LARGEST).await,
        Asked::List | Asked::Get(_) | Asked::Other => Ok(Vec::new().into()),
    };
    let Ok(body) = body else {
        return said(StatusCode::PAYLOAD_TOO_LARGE, "that file is cut off, or too large");
    };
    let done = spawn_blocking(move || match asked {
        Asked::List => list(&folder).map_or_else(|error| failed(&error), |names| Json(names).into_response()),
        Asked::Get(name) => match fs::read(folder.join(name)) {
            Ok(content) => content.into_response(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                said(StatusCode::NOT_FOUND, "there is no such file")
            }
            Err(error) => failed(&error),
        },
        Asked::Put(name) => match keep(&folder, &name, &body) {
            Ok(()) => said(StatusCode::CREATED, "kept"),
            Err(Unkept::Frozen) => {
                said(StatusCode::SERVICE_UNAVAILABLE, "writes are frozen; try again later")
            }
            Err(Unkept::Disk(error)) => failed(&error),
        },
        Asked::Other => said(StatusCode::METHOD_NOT_ALLOWED, "ask by GET or PUT"),
    });
    done.await.unwrap_or_else(|_| said(StatusCode::INTERNAL_SERVER_ERROR, "failed"))
}

fn said(status: StatusCode, text: &str) -> Response {
    (status, format!("{text}\n")).into_response()
}

fn failed(error: &io::Error) -> Response {
    said(StatusCode::INTERNAL_SERVER_ERROR, &format!("the disk failed: {error}"))
}

/// One plain segment of a path that is none of the application's or Switchover's own.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let shown = !name.starts_with('.') || name.starts_with(PROBE);
    !name.is_empty() && name.len() <= 200 && name.bytes().all(plain) && shown && name != FLAG
}

/// Keeps a file whole or not at all.
///
/// A refused write leaves no trace. Whoever sets the flag has to wait for writes that looked before it was there (`settle` of the
/// provider): after the second look nothing is left to do but one rename.
fn keep(folder: &Path, name: &str, content: &[u8]) -> Result<(), Unkept> {
    refuse_if_frozen(folder)?;
    let part = folder.join(format!("{PART}{}-{}", std::process::id(), number()));
    let kept = write(&part, content).and_then(|()| place(folder, &part, name));
    if kept.is_err() {
        let _ = fs::remove_file(&part);
    }
    kept
}

/// Puts a file that is written in its place, unless a freeze began meanwhile.
fn place(folder: &Path, part: &Path, name: &str) -> Result<(), Unkept> {
    refuse_if_frozen(folder)?;
    fs::rename(part, folder.join(name)).map_err(Unkept::Disk)
}

fn write(part: &Path, content: &[u8]) -> Result<(), Unkept> {
    let mut file = fs::File::create_new(part)?;
    file.write_all(content)?;
    Ok(())
}

/// Makes the names of parts differ.
fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn refuse_if_frozen(folder: &Path) -> Result<(), Unkept> {
    match fs::read(folder.join(FLAG)) {
        Ok(flag) if is_over(&flag, Timestamp::now()) => Ok(()),
        Ok(_) => Err(Unkept::Frozen),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Unkept::Disk(error)),
    }
}

/// A flag that cannot be understood is not over: whoever wrote it wanted something.
fn is_over(flag: &[u8], now: Timestamp) -> bool {
    let flag: Option<Flag> = serde_json::from_slice(flag).ok();
    flag.and_then(|flag| flag.until).is_some_and(|until| until <= now)
}

/// The names of the clients' files, sorted.
fn list(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok();
        names.extend(name.filter(|name| entry.path().is_file() && is_name(name) && !name.starts_with('.')));
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_plain_segment_and_none_of_those_that_mean_something() {
        for name in ["a", "upload-1.txt", "A_b.c", ".switchover-probe-0"] {
            assert!(is_name(name), "{name}");
        }
        let long = "a".repeat(201);
        for name in
            ["", ".", "..", "a/b", "../a", "%2e%2e", ".hidden", ".switchover.json", "maintenance.json", &long]
        {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn a_flag_is_over_when_its_end_has_passed_and_not_otherwise() {
        let now: Timestamp = "2026-11-21T15:02:07Z".parse().unwrap();
        let over = |flag: &str| is_over(flag.as_bytes(), now);
        assert!(over(r#"{ "format": 1, "run": "r", "until": "2026-11-21T15:02:07Z" }"#));
        for flag in [
            r#"{ "until": "2026-11-21T15:02:07.001Z" }"#,
            r#"{ "until": null }"#,
            "{}",
            "",
            "frozen",
            r#"{ "until": "soon" }"#,
        ] {
            assert!(!over(flag), "{flag}");
        }
    }

    #[test]
    fn a_freeze_that_begins_while_a_file_is_written_keeps_it_from_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let part = folder.path().join(".upload-1");
        write(&part, b"1").unwrap();
        fs::write(folder.path().join(FLAG), r#"{ "until": null }"#).unwrap();
        assert!(matches!(place(folder.path(), &part, "a"), Err(Unkept::Frozen)));
        fs::remove_file(folder.path().join(FLAG)).unwrap();
        place(folder.path(), &part, "a").unwrap();
        assert_eq!(list(folder.path()).unwrap(), ["a"]);
    }
}
