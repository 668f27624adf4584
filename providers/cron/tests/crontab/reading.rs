//! What is accepted, what it means, and what is said of the rest.

use switchover::schedule::Schedule as _;
use switchover_cron::{Days, Expression};

use super::{at, days, next, schedule};

fn refused(text: &str) -> String {
    text.parse::<Expression>().unwrap_err().to_string()
}

#[test]
fn nicknames_are_the_times_of_crontab() {
    for (name, fields) in [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("  @Daily ", "0 0 * * *"),
    ] {
        for zone in ["UTC", "America/New_York"] {
            let after = at("2026-03-07T12:34:56Z");
            assert_eq!(
                next(&schedule(name, zone), after, 30),
                next(&schedule(fields, zone), after, 30),
                "{name}"
            );
        }
    }
    assert_eq!("@Daily".parse::<Expression>().unwrap().to_string(), "@daily");
}

#[test]
fn fields_are_lists_ranges_steps_and_names_in_any_case() {
    let read = |text: &str| text.parse::<Expression>().unwrap();
    let minutes = |text: &str| read(text).minutes().iter().copied().collect::<Vec<_>>();
    assert_eq!(minutes("5,1-3,50-59/4 * * * *"), [1, 2, 3, 5, 50, 54, 58]);
    assert_eq!(minutes("*/25 * * * *"), [0, 25, 50]);
    assert_eq!(minutes("*/90 * * * *"), [0]);
    assert_eq!(minutes("007 * * * *"), [7]);
    assert_eq!(read("0 0 * JAN,Mar-may *").months().iter().copied().collect::<Vec<_>>(), [1, 3, 4, 5]);
    let week = |text: &str| match read(text).days() {
        Days::OfWeek(days) => days.iter().copied().collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(week("0 0 * * 0"), [0]);
    assert_eq!(week("0 0 * * 7"), [0]);
    assert_eq!(week("0 0 * * 5-7"), [0, 5, 6]);
    assert_eq!(week("0 0 * * Mon-FRI"), [1, 2, 3, 4, 5]);
    assert_eq!(week("0 0 * * 0,7"), [0]);
    assert_eq!(read("0 0 * * 0-7").days(), &Days::All);
    assert_eq!(read("0\t2  * * *").to_string(), "0 2 * * *");
}

#[test]
fn weekdays_are_crontabs_and_not_quartz_s() {
    // 1 is Monday; to Quartz it is Sunday.
    assert_eq!(days("0 3 * * 1", "11-21", 2), ["Mon 2026-11-23", "Mon 2026-11-30"]);
    assert_eq!(days("0 3 * * 7", "11-21", 2), ["Sun 2026-11-22", "Sun 2026-11-29"]);
}

#[test]
fn two_restricted_day_fields_are_either_or() {
    let expected = ["Sun 2026-11-01", "Mon 2026-11-02", "Mon 2026-11-09", "Sun 2026-11-15", "Mon 2026-11-16"];
    assert_eq!(days("0 3 1,15 * mon", "11-01", 5), expected);
}

#[test]
fn a_day_field_that_starts_with_a_star_restricts_and_both_must_match() {
    // Mondays on odd days.
    assert_eq!(days("0 3 */2 * mon", "11-01", 3), ["Mon 2026-11-09", "Mon 2026-11-23", "Mon 2026-12-07"]);
    // Odd days, and Mondays.
    assert_eq!(days("0 3 1-31/2 * mon", "11-01", 3), ["Sun 2026-11-01", "Mon 2026-11-02", "Tue 2026-11-03"]);
    // Every day, in digits, makes the other field say nothing.
    assert_eq!(days("0 3 1-31 * mon", "11-01", 2), ["Sun 2026-11-01", "Mon 2026-11-02"]);
    assert_eq!(days("0 3 13 * 0-6", "11-01", 2), ["Sun 2026-11-01", "Mon 2026-11-02"]);
    assert_eq!(days("0 3 * * mon", "11-01", 1), ["Mon 2026-11-02"]);
    assert_eq!(days("0 3 13 * *", "11-01", 1), ["Fri 2026-11-13"]);
}

#[test]
fn a_day_that_comes_rarely_is_found() {
    let leap = next(&schedule("0 0 29 2 *", "UTC"), at("2026-11-21T00:00Z"), 3);
    assert_eq!(
        leap,
        ["Tue 2028-02-29 00:00 +0000", "Sun 2032-02-29 00:00 +0000", "Fri 2036-02-29 00:00 +0000"]
    );
    // A 29 February that is a Monday.
    assert_eq!(days("0 0 29 2 */8", "11-21", 1), ["Sun 2032-02-29"]);
    let before = schedule("0 0 29 2 *", "Europe/Berlin").last_until(at("2026-11-21T00:00Z")).unwrap();
    assert_eq!(before, at("2024-02-28T23:00Z"));
}

#[test]
fn where_the_calendar_ends_there_is_nothing() {
    let daily = schedule("@daily", "Europe/Berlin");
    assert_eq!(daily.next_after(at("2150-01-01T00:00Z")), None);
    assert_eq!(daily.last_until(at("1960-01-01T00:00Z")), None);
    assert_eq!(daily.next_after(jiff::Timestamp::MAX), None);
    assert_eq!(daily.last_until(jiff::Timestamp::MIN), None);
    assert!(daily.next_after(at("1960-01-01T00:00Z")).is_some_and(|first| first < at("1970-01-03T00:00Z")));
    assert!(daily.last_until(at("2150-01-01T00:00Z")).is_some_and(|last| last > at("2100-12-30T00:00Z")));
}

#[test]
fn what_is_no_schedule_is_refused_in_words() {
    let texts = [
        "",
        " ",
        "5",
        "30 2 * *",
        "0 30 2 * * *",
        "0 30 2 * * * 2026",
        "@reboot",
        "@fortnightly",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 8",
        "-1 * * * *",
        "+5 * * * *",
        "1, * * * *",
        ",1 * * * *",
        "5- * * * *",
        "5/10 * * * *",
        "*/0 * * * *",
        "*/x * * * *",
        "1-5/ * * * *",
        "*5 * * * *",
        "**/2 * * * *",
        "30-10 * * * *",
        "* * * * fri-mon",
        "* * * * monday",
        "* * * january *",
        "* * * * mo",
        "* * L * *",
        "* * 15W * *",
        "* * ? * 1",
        "* * * * 5#2",
        "* * * * 5L",
        "~ * * * *",
        "0-59~ * * * *",
        "1.5 * * * *",
        "99999999999 * * * *",
        "٣ * * * *",
        "* * * * * %",
        "a b c d e",
        "\u{1b}[31m * * * *",
    ];
    let told =
        texts.iter().map(|text| format!("{text:?}\n    {}\n", refused(text))).collect::<Vec<_>>().concat();
    insta::assert_snapshot!(told);
}

#[test]
fn what_never_fires_is_refused_and_says_why() {
    assert_eq!(refused("0 0 31 2 *"), "`0 0 31 2 *` never fires: February has no day 31");
    assert_eq!(refused("0 0 30,31 feb *"), "`0 0 30,31 feb *` never fires: February has no day 30 or 31");
    assert_eq!(
        refused("0 0 31 4,6,9,11 *"),
        "`0 0 31 4,6,9,11 *` never fires: April and June and September and November have no day 31"
    );
    assert_eq!(refused("0 0 31 2 */2"), "`0 0 31 2 */2` never fires: February has no day 31");
    // Mondays in February, by the other day field.
    assert_eq!(days("0 0 31 2 mon", "11-21", 1), Vec::<String>::from(["Mon 2027-02-01".into()]));
    assert!("0 0 29 2 *".parse::<Expression>().is_ok());
    assert!("0 0 31 2,3 *".parse::<Expression>().is_ok());
}

#[test]
fn a_complaint_speaks_to_no_terminal() {
    for text in ["5/1\0\u{1b} * * * *", "\u{1b}[31m * * * *", "5\u{7} * * *", "@\u{1b}"] {
        let complaint = refused(text);
        assert!(!complaint.contains(char::is_control), "{complaint:?}");
    }
}
