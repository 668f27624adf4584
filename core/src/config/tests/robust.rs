//! Whatever the text is, there is an answer, it can be shown, and it never holds a secret.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// Parses a text and shows everything that there is to show of the answer.
fn exercised(text: &str) -> String {
    match parse(text) {
        Ok(config) => format!("{config:?}{:?}", config.lint()),
        Err(problems) => {
            assert!(!problems.list().is_empty());
            for problem in problems.list() {
                assert!(problems.source().text().get(problem.span.clone()).is_some(), "{problem:?}");
                assert!(problems.position(problem).line > 0);
                for (span, _) in &problem.also {
                    assert!(problems.source().text().get(span.clone()).is_some(), "{problem:?}");
                }
            }
            format!("{problems}{problems:?}")
        }
    }
}

#[test]
fn odd_texts_have_an_answer() {
    let crlf = SMALL.replace('\n', "\r\n");
    assert!(parse(&crlf).is_ok());
    assert!(parse(&format!("\u{feff}{SMALL}")).is_ok());
    assert!(parse(&format!("\u{feff}{crlf}")).is_ok());
    for text in
        ["", "\0", "\u{feff}", "a", "=", "[", "[[", "\"\\uD800\" = 1", "a = \"\u{1b}[31m\"", "é = \"\\x00\""]
    {
        exercised(text);
    }
    exercised(&"[[a]]\n".repeat(10_000));
    exercised(&"x".repeat(5 << 20));
    exercised(&format!("[pair.{}]", "a".repeat(1 << 20)));
    exercised(&format!("a = \"{}\"", "é".repeat(1 << 20)));
    exercised(&(0..20_000).map(|n| format!("k{n} = {n}")).collect::<Vec<_>>().join("\n"));
    for deep in [30, 90, 10_000] {
        exercised(&format!("a = {}{}", "[".repeat(deep), "]".repeat(deep)));
        exercised(&format!("[{}a]", "a.".repeat(deep)));
        exercised(&format!("{}a = 1", "a.".repeat(deep)));
        exercised(&format!("a = {}1{}", "{ b = ".repeat(deep), "}".repeat(deep)));
    }
}

#[test]
fn a_terminal_is_never_spoken_to() {
    let text = small("provider = \"cloudflare\"", "provider = \"\\u001b[31m\"\n\"k\\u001b[0m\" = 1");
    assert!(!exercised(&text).contains('\u{1b}'));
}

/// Texts in which the word `hunter2` is a secret, at each place where one may be written by mistake.
fn leaks() -> Vec<String> {
    let put = |to: &str| small(r#"token = { env = "T" }"#, to);
    vec![
        put(r#"token = "hunter2""#),
        put(r#"api_token = "hunter2""#),
        put(r#"token = { value = "hunter2" }"#),
        put(r#"token = ["hunter2"]"#),
        put("token = \"\"\"\nhunter2\"\"\""),
        put("token = { env = \"T\" }\npassword = \"hunter2\""),
        put("token.secret = \"hunter2\""),
        put("token = \"hunter2"),
        put("token = hunter2"),
        put("token = \"\"\"\nhunter2"),
        small(r#"provider = "cloudflare""#, "provider = \"rfc2136\"\nkey = \"hunter2\""),
        small(r#"zones = ["example.org"]"#, "secret-key = 'hunter2'\nzones = [\"example.org\""),
        // In a list that is never closed, no key is seen as one.
        small(r#"zones = ["example.org"]"#, "zones = [\"example.org\",\nsecret-key = 'hunter2'"),
        small(r#"provider = "http""#, "provider = \"http\"\nclient_secret = \"hunter2\""),
    ]
}

#[test]
fn a_secret_in_the_file_is_refused_and_never_shown() {
    for text in leaks() {
        assert!(parse(&text).is_err(), "{text}");
        let shown = exercised(&text);
        assert!(!shown.contains("hunter2"), "{text}\n{shown}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_text_has_an_answer(text in any::<String>()) {
        exercised(&text);
    }

    #[test]
    fn any_toml_like_text_has_an_answer(text in r#"([a-z\[\]{}=".,0-9#'\\\n\r éß-]|pair|dns|\[\[|"""|token){0,200}"#) {
        exercised(&text);
    }

    #[test]
    fn a_good_file_that_was_damaged_has_an_answer(
        cuts in prop::collection::vec((any::<Index>(), 0..40_usize, r"[\PC\n]{0,8}"), 1..5),
    ) {
        let mut text = SANDBOX.to_owned();
        for (at, length, put) in cuts {
            let start = text.floor_char_boundary(at.index(text.len() + 1));
            let end = text.ceil_char_boundary((start + length).min(text.len()));
            text.replace_range(start..end, &put);
        }
        exercised(&text);
    }

    #[test]
    fn a_good_file_with_its_lines_shuffled_has_an_answer(
        swaps in prop::collection::vec((any::<Index>(), any::<Index>()), 1..8),
    ) {
        let mut lines: Vec<&str> = CORRECTED.lines().collect();
        for (a, b) in swaps {
            let (a, b) = (a.index(lines.len()), b.index(lines.len()));
            lines.swap(a, b);
        }
        exercised(&lines.join("\n"));
    }

    #[test]
    fn a_value_of_another_type_has_an_answer(
        at in any::<Index>(),
        value in prop::sample::select(vec!["1", "-1", "1e400", "nan", "true", "[]", "{}", "\"\"", "1979-05-27", "[[1], {}]", "99999999999999999999"]),
    ) {
        let lines: Vec<&str> = SANDBOX.lines().collect();
        let settings: Vec<usize> = (0..lines.len()).filter(|line| lines[*line].contains(" = ")).collect();
        let chosen = settings[at.index(settings.len())];
        let changed = lines.iter().enumerate().map(|(line, text)| {
            if line == chosen { format!("{} = {value}", text.split(" = ").next().unwrap()) } else { (*text).to_owned() }
        });
        exercised(&changed.collect::<Vec<_>>().join("\n"));
    }
}
