//! Markdown with commands for a shell. A secret is never in it, only the name of the variable or file that holds it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use switchover::config::SecretRef;

/// A document that grows.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) text: String,
    /// The variables and files that hold secrets.
    pub(super) secrets: BTreeSet<String>,
    /// Files that commands read, with their content.
    pub(super) files: BTreeMap<String, String>,
    folder: PathBuf,
}

impl Page {
    pub(super) fn new(folder: &Path) -> Self {
        // Commands may be run from anywhere.
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
        Self { text: String::new(), secrets: BTreeSet::new(), files: BTreeMap::new(), folder }
    }

    /// A path of the configuration as commands name it.
    pub(super) fn path(&self, path: &Path) -> String {
        quoted(&self.folder.join(path).display().to_string())
    }

    pub(super) fn heading(&mut self, level: usize, text: &str) {
        self.part();
        self.text += &format!("{} {text}\n\n", "#".repeat(level));
    }

    pub(super) fn say(&mut self, text: &str) {
        self.part();
        self.text += &format!("{text}\n");
    }

    /// Commands that are to be run.
    pub(super) fn sh(&mut self, commands: &str) {
        self.part();
        self.text += &format!("```sh\n{commands}\n```\n");
    }

    /// Sets apart what follows, unless a heading just did; items of a list stay together.
    fn part(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// The words that fetch a secret in a shell, for use within double quotes.
    pub(super) fn secret(&mut self, reference: &SecretRef) -> String {
        match reference {
            SecretRef::Env(name) => {
                self.secrets.insert(format!("${name}"));
                format!("${name}")
            }
            SecretRef::File(path) => {
                let path = self.path(path);
                self.secrets.insert(path.clone());
                format!("$(cat {path})")
            }
        }
    }
}

/// A text as one word of a shell.
pub(super) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A command of several words.
pub(super) fn words<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> String {
    words.into_iter().map(|word| quoted(word.as_ref())).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one_word_whatever_is_in_it() {
        assert_eq!(quoted("/mnt/efs"), "/mnt/efs");
        assert_eq!(quoted("it's $HOME; rm -rf"), r"'it'\''s $HOME; rm -rf'");
        assert_eq!(quoted(""), "''");
        assert_eq!(words(["mount", "-o", "remount,ro", "/a b"]), "mount -o remount,ro '/a b'");
    }

    #[test]
    fn a_secret_is_named_and_not_shown() {
        let mut page = Page::new(Path::new("/etc/switchover"));
        assert_eq!(page.secret(&SecretRef::Env("GITLAB_TOKEN".to_owned())), "$GITLAB_TOKEN");
        assert_eq!(page.secret(&SecretRef::File("key".into())), "$(cat /etc/switchover/key)");
        assert_eq!(page.secrets.len(), 2);
    }
}
