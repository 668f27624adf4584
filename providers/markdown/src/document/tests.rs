//! Files as people leave them lying about.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use switchover::model::{EnvironmentName, Holding, SideName};

use super::*;

struct Desk {
    folder: tempfile::TempDir,
}

fn pair(name: &str) -> PairName {
    PairName::new(name).unwrap()
}

fn rows(first: Holding, second: Holding) -> Vec<RoleRow> {
    let row = |side: &str, holding| RoleRow {
        side: SideName::new(side).unwrap(),
        project: None,
        columns: Vec::new(),
        environment: EnvironmentName::new("live").unwrap(),
        holding,
        release: None,
        status: None,
    };
    vec![row("hongkong", first), row("sydney", second)]
}

fn now() -> Vec<RoleRow> {
    rows(Holding::Production, Holding::Standby)
}

const DOCUMENT: &str = "# SOP\n\nbefore\t \n<!-- switchover:roles gigadb -->\nold\n<!-- /switchover:roles -->\nafter, without an end";

impl Desk {
    fn new(text: &str) -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(desk.file(), text).unwrap();
        desk
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("SOP.md")
    }

    fn table(&self) -> MarkdownTable {
        MarkdownTable::new(self.file(), pair("gigadb"))
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    /// Everything in the folder but the document.
    fn others(&self) -> usize {
        std::fs::read_dir(self.folder.path()).unwrap().count() - 1
    }

    async fn write(&self) -> Result<(), RoleTableError> {
        let seen = self.table().read().await?.version;
        self.table().write(&now(), &seen).await
    }
}

#[tokio::test]
async fn the_table_is_written_and_all_around_it_stays_byte_for_byte() {
    let desk = Desk::new(DOCUMENT);
    desk.write().await.unwrap();
    assert_eq!(desk.text(), DOCUMENT.replace("old\n", &table::render(&now())));
    assert_eq!(desk.table().read().await.unwrap().text, desk.table().rendered(&now()));
    assert_eq!(desk.others(), 0);
}

#[tokio::test]
async fn a_document_of_windows_keeps_the_ends_of_its_lines() {
    let text = DOCUMENT.replace('\n', "\r\n");
    let desk = Desk::new(&text);
    desk.write().await.unwrap();
    let table = table::render(&now()).replace('\n', "\r\n");
    assert_eq!(desk.text(), text.replace("old\r\n", &table));
    assert_eq!(desk.table().read().await.unwrap().text, table::render(&now()));
}

#[tokio::test]
async fn the_tables_of_several_pairs_stand_in_one_document() {
    let theirs = "<!-- switchover:roles other -->\ntheirs\n<!-- /switchover:roles -->\n";
    let desk = Desk::new(&format!("{theirs}{DOCUMENT}"));
    desk.write().await.unwrap();
    assert!(desk.text().starts_with(theirs));
    let other = MarkdownTable::new(desk.file(), pair("other"));
    let seen = other.read().await.unwrap();
    assert_eq!(seen.text, "theirs\n");
    other.write(&rows(Holding::Unknown, Holding::Unknown), &seen.version).await.unwrap();
    assert_eq!(desk.table().read().await.unwrap().text, table::render(&now()));
}

#[tokio::test]
async fn a_document_that_was_changed_since_it_was_read_is_left_as_it_is() {
    let desk = Desk::new(DOCUMENT);
    let seen = desk.table().read().await.unwrap().version;
    let edited = format!("{DOCUMENT} and a word");
    std::fs::write(desk.file(), &edited).unwrap();
    let refused = desk.table().write(&now(), &seen).await;
    assert!(matches!(refused, Err(RoleTableError::Changed { .. })), "{refused:?}");
    assert_eq!((desk.text(), desk.others()), (edited, 0));
}

#[test]
fn a_document_that_is_changed_before_the_rename_is_left_as_it_is() {
    let desk = Desk::new(DOCUMENT);
    let metadata = std::fs::metadata(desk.file()).unwrap();
    assert!(!replace(&desk.file(), &metadata, "new", || Ok(false)).unwrap());
    assert_eq!((desk.text().as_str(), desk.others()), (DOCUMENT, 0));
}

#[tokio::test]
async fn whoever_writes_the_document_at_the_same_time_is_waited_for() {
    let desk = Desk::new(DOCUMENT);
    let other = File::open(desk.file()).unwrap();
    other.lock().unwrap();
    assert!(matches!(desk.write().await, Err(RoleTableError::Changed { .. })));
    assert_eq!(desk.table().prove().await, Ok(()));
    other.unlock().unwrap();
    desk.write().await.unwrap();
}

#[tokio::test]
async fn markers_that_are_missing_or_doubled_are_told_with_what_to_do_and_nothing_is_written() {
    for (text, words) in [
        ("# SOP\n", "put these two lines"),
        (&DOCUMENT.repeat(2).replace("end#", "end\n#"), "lines 4 and 11 both open"),
        ("<!-- switchover:roles gigadb -->\n", "line 1 opens a role table that no line closes"),
    ] {
        let desk = Desk::new(text);
        let error = desk.write().await.unwrap_err();
        assert!(matches!(error, RoleTableError::NoPlace { .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(desk.table().prove().await, Err(error));
        assert_eq!(desk.text(), *text);
    }
}

#[tokio::test]
async fn a_read_only_document_is_left_alone_even_by_root() {
    let desk = Desk::new(DOCUMENT);
    std::fs::set_permissions(desk.file(), Permissions::from_mode(0o444)).unwrap();
    let error = desk.write().await.unwrap_err();
    assert!(matches!(error, RoleTableError::Unwritable { .. }), "{error:?}");
    assert!(error.to_string().contains("read-only"), "{error}");
    assert_eq!(desk.table().prove().await, Err(error));
    assert_eq!(desk.text(), DOCUMENT);
}

#[tokio::test]
async fn mode_and_links_are_kept_and_the_document_is_replaced_at_once() {
    let desk = Desk::new(DOCUMENT);
    std::fs::set_permissions(desk.file(), Permissions::from_mode(0o640)).unwrap();
    let link = desk.folder.path().join("link.md");
    symlink("SOP.md", &link).unwrap();
    let table = MarkdownTable::new(&link, pair("gigadb"));
    let inode = || std::fs::metadata(desk.file()).unwrap().ino();
    let before = inode();
    let seen = table.read().await.unwrap().version;
    table.write(&now(), &seen).await.unwrap();
    assert_ne!(
        inode(),
        before,
        "the old document was written over, and a reader could have seen half of the new one"
    );
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(std::fs::metadata(desk.file()).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(desk.text().contains("current production"));
}

#[tokio::test]
async fn what_is_no_document_is_refused() {
    let desk = Desk::new("");
    std::fs::write(desk.file(), [0xff, 0xfe]).unwrap();
    let error = desk.table().read().await.unwrap_err();
    assert!(error.to_string().contains("no text in UTF-8"), "{error}");
    let folder = MarkdownTable::new(desk.folder.path(), pair("gigadb"));
    assert!(folder.read().await.unwrap_err().to_string().contains("no file"));
    let missing = MarkdownTable::new(desk.folder.path().join("none.md"), pair("gigadb"));
    assert!(matches!(missing.prove().await, Err(RoleTableError::Unreadable { .. })));
}
