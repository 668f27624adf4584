//! The fallback plan tells people as the program would, and makes the role table true.

use insta::assert_snapshot;

use super::{commands, golden, typed_with};
use crate::people::{PATH, People, TOLD};

#[test]
fn it_says_what_people_are_told_and_what_the_role_table_becomes() {
    let people = People::new(TOLD);
    let shown = people.run("switchover plan -e live --fallback").ends(0).stdout;
    let steps = shown.split("\n### ");
    let steps: Vec<&str> =
        steps.filter(|step| step.contains("Announce to") || step.contains("role-table")).collect();
    assert_snapshot!("fallback_people", golden(&people.stand, &steps.join("\n### ")));
}

#[test]
#[ignore = "needs curl, jq, dig and rsync; tests/e2e/by-hand runs it"]
fn people_are_told_and_the_role_table_is_true_by_its_commands_alone() {
    let people = People::new(TOLD);
    let before = people.stand.home.read("SOP.md");
    let document = people.run("switchover plan -e live --fallback").ends(0).stdout;
    let url = format!("{}{PATH}", people.receiver.url());
    let ran = typed_with(&people.stand, &commands(&document), &[("SLACK_WEBHOOK_URL", &url)]).ends(0);
    assert!(!ran.transcript().contains("s3cretpath"), "{}", ran.transcript());
    let texts = people.texts();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(texts[1].contains("live: sydney is production now, hongkong is the stand-by."), "{texts:?}");
    people.run("switchover status --check SOP.md").ends(0);
    let after = people.stand.home.read("SOP.md");
    assert_ne!(after, before);
    assert!(after.starts_with("# How we run GigaDB\n") && after.ends_with("\nAsk in #ops.\n"), "{after}");
}
