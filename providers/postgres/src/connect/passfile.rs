//! Passwords from the file that every PostgreSQL client reads.
//!
//! <https://www.postgresql.org/docs/current/libpq-pgpass.html>: `hostname:port:database:username:password`, `*` for any, `\` before `:` and
//! `\`; the first line that matches counts; a file that others can read is ignored.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

/// What a password is wanted for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) database: &'a str,
    pub(super) user: &'a str,
}

/// The password for a login, if the user's file has one and nobody else can read it.
pub(super) fn look_up(wanted: Wanted<'_>) -> Option<SecretString> {
    let path = place()?;
    if !is_private(&path) {
        return None;
    }
    find(&std::fs::read_to_string(path).ok()?, wanted)
}

fn place() -> Option<PathBuf> {
    match std::env::var_os("PGPASSFILE") {
        Some(path) => Some(path.into()),
        None => Some(PathBuf::from(std::env::var_os("HOME")?).join(".pgpass")),
    }
}

fn is_private(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.mode().trailing_zeros() >= 6)
}

fn find(text: &str, wanted: Wanted<'_>) -> Option<SecretString> {
    let port = wanted.port.to_string();
    // libpq looks for `localhost` where it connects by a Unix socket.
    let host = if wanted.host.starts_with('/') { "localhost" } else { wanted.host };
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let [file_host, file_port, database, user, password] = fields.as_slice() else { return None };
        let fits = |field: &Field, value: &str| field.any || field.text == value;
        (fits(file_host, host)
            && fits(file_port, &port)
            && fits(database, wanted.database)
            && fits(user, wanted.user))
        .then(|| SecretString::from(password.text.clone()))
    })
}

#[derive(Default)]
struct Field {
    text: String,
    any: bool,
}

fn fields(line: &str) -> Vec<Field> {
    let mut fields = vec![Field::default()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let count = fields.len();
        let Some(field) = fields.last_mut() else { break };
        match character {
            '\\' => field.text.extend(characters.next()),
            ':' if count < 5 => fields.push(Field::default()),
            other => {
                field.any = other == '*' && field.text.is_empty();
                field.text.push(other);
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn found(text: &str) -> Option<String> {
        let wanted = Wanted { host: "db-hk", port: 5432, database: "gigadb", user: "admin" };
        find(text, wanted).map(|secret| secret.expose_secret().to_owned())
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        assert_eq!(
            found("# x\nother:5432:*:admin:no\ndb-hk:*:gigadb:admin:yes\n*:*:*:*:late").as_deref(),
            Some("yes")
        );
        assert_eq!(found("db-hk:5433:gigadb:admin:no"), None);
        assert_eq!(found("db-hk:5432:gigadb:admin"), None);
        assert_eq!(found(""), None);
    }

    #[test]
    fn colons_and_backslashes_may_stand_in_a_password() {
        assert_eq!(found(r"*:*:*:*:a\:b\\c:d").as_deref(), Some(r"a:b\c:d"));
        assert_eq!(found(r"\*:*:*:*:no"), None);
    }
}
