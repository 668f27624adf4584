//! The API: batches, rules, tokens, limits, lists.

use serde_json::json;
use switchover_sandbox::{LimitSeed, Sandbox, Seed, SeedError, StartError};

use super::support::{WRITER, call, call_as, content_of, id_of, records_path, start};

#[tokio::test]
async fn a_batch_that_fails_at_its_last_change_changes_nothing() {
    let sandbox = start().await;
    let before = sandbox.records("pro.test");
    let apex = id_of(&sandbox, "pro.test", "pro.test");
    let batch = json!({
        "deletes": [{ "id": id_of(&sandbox, "pro.test", "auto.pro.test") }],
        "patches": [{ "id": apex, "content": "127.0.2.1" }],
        "posts": [
            { "name": "new.pro.test", "type": "A", "content": "127.0.2.9" },
            { "name": "www.pro.test", "type": "A", "content": "127.0.1.2" },
        ],
    });
    let answer = call(&sandbox, "POST", &records_path(&sandbox, "pro.test", "/batch"), Some(batch)).await;
    assert_eq!((answer.status, answer.codes().0), (400, 81058));
    assert_eq!(sandbox.records("pro.test"), before);
    assert!(!sandbox.requests().last().unwrap().applied);
}

#[tokio::test]
async fn a_batch_deletes_then_patches_then_puts_then_posts() {
    let sandbox = start().await;
    let id = |name: &str| id_of(&sandbox, "pro.test", name);
    let alias = id("alias.pro.test");
    // Each of these is refused unless the one above it came first: the address needs the alias gone, the put needs
    // the name that the patch frees, and the post needs the content that the put frees.
    let batch = json!({
        "posts": [{ "name": "auto.pro.test", "type": "A", "content": "127.0.1.4" }],
        "puts": [{ "id": id("auto.pro.test"), "name": "www.pro.test", "type": "A", "content": "127.0.1.2", "ttl": 60 }],
        "patches": [{ "id": id("www.pro.test"), "name": "alias.pro.test" }],
        "deletes": [{ "id": alias }],
    });
    let answer = call(&sandbox, "POST", &records_path(&sandbox, "pro.test", "/batch"), Some(batch)).await;
    let result = answer.result();
    assert_eq!(result["deletes"][0]["content"], "www.pro.test");
    assert_eq!(result["patches"][0]["name"], "alias.pro.test");
    assert_eq!(result["puts"][0]["ttl"], 60);
    assert_eq!(result["posts"][0]["name"], "auto.pro.test");
    assert_eq!(content_of(&sandbox, "pro.test", "alias.pro.test").as_deref(), Some("127.0.1.2"));
}

#[tokio::test]
async fn a_batch_may_be_as_large_as_the_plan_says() {
    let sandbox = start().await;
    let posts = |count: u16| {
        let name = |n: u16| json!({ "name": format!("n{n}.free.test"), "type": "A", "content": "127.0.1.1" });
        json!({ "posts": (0..count).map(name).collect::<Vec<_>>() })
    };
    let path = records_path(&sandbox, "free.test", "/batch");
    let refused = call(&sandbox, "POST", &path, Some(posts(201))).await;
    assert_eq!((refused.status, refused.codes()), (400, (9207, 9207)));
    assert_eq!(call(&sandbox, "POST", &path, Some(posts(200))).await.status, 200);
    assert_eq!(call(&sandbox, "POST", &path, Some(json!({}))).await.status, 400);
    let full = json!({ "name": "one-more.free.test", "type": "A", "content": "127.0.1.1" });
    let answer = call(&sandbox, "POST", &records_path(&sandbox, "free.test", ""), Some(full)).await;
    assert_eq!(answer.codes().0, 81045);
}

#[tokio::test]
async fn a_zone_may_hold_as_many_records_as_its_seed_says() {
    let seed = |most: u8| {
        let records = r#"{ name = "a.old.test", type = "A", content = "127.0.1.1" }, { name = "b.old.test", type = "A", content = "127.0.1.1" }"#;
        let zone = format!("[[zones]]\nname = \"old.test\"\nmax_records = {most}\nrecords = [{records}]");
        Seed::parse(&format!("[api]\nlisten = \"127.0.0.1:0\"\n{zone}")).unwrap()
    };
    assert!(Sandbox::start(seed(2)).await.is_ok());
    let refused = Sandbox::start(seed(1)).await;
    assert!(matches!(refused, Err(StartError::Seed(SeedError::Record { .. }))), "{refused:?}");
}

#[tokio::test]
async fn patch_keeps_what_is_not_named_and_put_resets_it() {
    let sandbox = start().await;
    let id = id_of(&sandbox, "pro.test", "pro.test");
    let path = records_path(&sandbox, "pro.test", &format!("/{id}"));
    let patched = call(&sandbox, "PATCH", &path, Some(json!({ "content": "127.0.2.1" }))).await;
    let record = patched.result();
    assert_eq!((&record["content"], &record["ttl"]), (&json!("127.0.2.1"), &json!(300)));
    assert_eq!((&record["comment"], &record["tags"]), (&json!("apex"), &json!(["env:live"])));
    let named = json!({ "name": "pro.test", "type": "A", "content": "127.0.2.1" });
    let put = call(&sandbox, "PUT", &path, Some(named)).await;
    let record = put.result();
    assert_eq!((&record["ttl"], &record["comment"], &record["tags"]), (&json!(1), &json!(null), &json!([])));
    assert_eq!(record["id"], json!(id));
    let cleared = call(&sandbox, "PATCH", &path, Some(json!({ "comment": "x" }))).await;
    assert_eq!(cleared.result()["comment"], "x");
    let cleared = call(&sandbox, "PATCH", &path, Some(json!({ "comment": null }))).await;
    assert_eq!(cleared.result()["comment"], json!(null));
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_with_its_code() {
    let sandbox = start().await;
    let host =
        |name: &str, kind: &str, content: &str| json!({ "name": name, "type": kind, "content": content });
    let with = |field: &str, value: serde_json::Value| {
        let mut record = host("x.pro.test", "A", "127.0.0.9");
        record[field] = value;
        record
    };
    let cases = [
        (host("x.pro.test", "A", "127.0.0"), (9005, 0)),
        (host("x.pro.test", "A", "::1"), (9005, 0)),
        (host("x.pro.test", "AAAA", "127.0.0.1"), (9006, 0)),
        (host("x.pro.test", "CNAME", "no good"), (9007, 0)),
        (host("x.pro.test", "MX", "mail.pro.test"), (1004, 9001)),
        (host("x.pro.test", "SPF", "v=spf1"), (1004, 9002)),
        (host("x.other.test", "A", "127.0.0.1"), (1004, 9000)),
        (host("xpro.test", "A", "127.0.0.1"), (1004, 9000)),
        (host("www.pro.test", "CNAME", "a.test"), (81053, 0)),
        (host("alias.pro.test", "A", "127.0.0.1"), (81054, 0)),
        (host("lab.pro.test", "A", "127.0.0.1"), (81056, 0)),
        (host("WWW.pro.test", "A", "127.0.1.2"), (81058, 0)),
        (with("ttl", json!(1.5)), (9207, 9207)),
        (with("ttl", json!(86_401)), (1004, 9021)),
        (with("ttl", json!("300")), (9207, 9207)),
        (with("proxied", json!("yes")), (1004, 9003)),
        (with("tags", json!(["no good"])), (1004, 9301)),
        (with("comment", json!("x".repeat(501))), (1004, 9313)),
        (json!({ "name": "x.pro.test", "type": "TXT", "content": "t", "proxied": true }), (1004, 9004)),
        (
            json!({ "name": "x.pro.test", "type": "CAA", "data": { "flags": 0, "tag": "issue" } }),
            (1004, 9101),
        ),
        (json!([]), (9207, 9207)),
    ];
    let path = records_path(&sandbox, "pro.test", "");
    let before = sandbox.records("pro.test");
    for (record, codes) in cases {
        let answer = call(&sandbox, "POST", &path, Some(record.clone())).await;
        assert_eq!((answer.status, answer.codes()), (400, codes), "{record}");
    }
    assert_eq!(sandbox.records("pro.test"), before);
}

#[tokio::test]
async fn ttl_bounds_follow_the_plan_unless_the_seed_sets_another() {
    let sandbox = start().await;
    for (zone, ttl, status) in
        [("free.test", 59, 400), ("free.test", 60, 200), ("pro.test", 1, 200), ("pro.test", 2, 200)]
    {
        let record =
            json!({ "name": format!("t{ttl}.{zone}"), "type": "A", "content": "127.0.0.1", "ttl": ttl });
        let answer = call(&sandbox, "POST", &records_path(&sandbox, zone, ""), Some(record)).await;
        assert_eq!(answer.status, status, "{zone} {ttl}");
    }
    let tagged = json!({ "name": "t.free.test", "type": "A", "content": "127.0.0.1", "tags": ["a:b"] });
    let answer = call(&sandbox, "POST", &records_path(&sandbox, "free.test", ""), Some(tagged)).await;
    assert_eq!(answer.codes(), (1004, 9300));
}

#[tokio::test]
async fn names_are_kept_in_lower_case_and_proxied_records_are_automatic() {
    let sandbox = start().await;
    let record =
        json!({ "name": "New.Pro.Test", "type": "A", "content": "127.0.0.1", "ttl": 300, "proxied": true });
    let answer = call(&sandbox, "POST", &records_path(&sandbox, "pro.test", ""), Some(record)).await;
    assert_eq!((&answer.result()["name"], &answer.result()["ttl"]), (&json!("new.pro.test"), &json!(1)));
}

#[tokio::test]
async fn records_that_are_not_there_are_404() {
    let sandbox = start().await;
    let unknown = "0".repeat(32);
    for method in ["GET", "PATCH", "DELETE"] {
        let path = records_path(&sandbox, "pro.test", &format!("/{unknown}"));
        let answer = call(&sandbox, method, &path, Some(json!({}))).await;
        assert_eq!((answer.status, answer.codes().0), (404, 81044), "{method}");
    }
    let answer = call(&sandbox, "GET", &records_path(&sandbox, "pro.test", "/x"), None).await;
    assert_eq!((answer.status, answer.codes().0), (404, 7003));
    let answer = call(&sandbox, "GET", "/nothing", None).await;
    assert_eq!((answer.status, answer.codes().0), (404, 7000));
}

#[tokio::test]
async fn tokens_open_what_they_are_made_for() {
    let sandbox = start().await;
    let (reader, account, over) = (
        "reader-reader-reader-reader-reader-reade",
        "account-account-account-account-account-",
        "over-over-over-over-over-over-over-over-",
    );
    let pro = records_path(&sandbox, "pro.test", "");
    let free = records_path(&sandbox, "free.test", "");
    let unknown = "unknown-unknown-unknown-unknown-unknown-";
    let acme = call(&sandbox, "GET", "/zones", None).await.result()[0]["account"]["id"].clone();
    let own = format!("/accounts/{}/tokens/verify", acme.as_str().unwrap());
    let cases = [
        (None, "GET", "/zones", 400, 1001),
        (Some("short"), "GET", "/zones", 400, 6003),
        (Some(unknown), "GET", "/zones", 403, 9109),
        (Some(over), "GET", "/zones", 403, 9109),
        (Some(unknown), "GET", "/user/tokens/verify", 401, 1000),
        (Some(over), "GET", "/user/tokens/verify", 200, 0),
        (Some(WRITER), "GET", "/user/tokens/verify", 200, 0),
        (Some(account), "GET", "/user/tokens/verify", 401, 1000),
        (Some(account), "GET", own.as_str(), 401, 1000),
        (Some(reader), "GET", &pro, 200, 0),
        (Some(reader), "POST", &pro, 403, 10000),
        (Some(reader), "GET", &free, 403, 10000),
        (Some(account), "GET", &pro, 403, 10000),
        (Some(WRITER), "PATCH", &pro, 405, 10000),
    ];
    for (token, method, path, status, code) in cases {
        let answer = call_as(&sandbox, token, method, path, None).await;
        assert_eq!((answer.status, answer.codes().0), (status, code), "{token:?} {method} {path}");
    }
    let seen = call_as(&sandbox, Some(reader), "GET", "/zones", None).await;
    assert_eq!(seen.result().as_array().unwrap().len(), 1);
    let expired = call_as(&sandbox, Some(over), "GET", "/user/tokens/verify", None).await;
    assert_eq!(expired.result()["status"], "expired");
}

#[tokio::test]
async fn past_the_limit_is_429_until_the_block_is_over() {
    let sandbox = start().await;
    sandbox.set_limit(LimitSeed { requests: 2, window_ms: 60_000, block_ms: 400 });
    let first = call(&sandbox, "GET", "/zones", None).await;
    assert_eq!(first.headers["ratelimit"], "\"default\";r=1;t=60");
    assert_eq!(first.headers["ratelimit-policy"], "\"default\";q=2;w=60");
    assert_eq!(call(&sandbox, "GET", "/zones", None).await.status, 200);
    let refused = call(&sandbox, "GET", "/zones", None).await;
    assert_eq!((refused.status, &refused.headers["retry-after"]), (429, &"1".parse().unwrap()));
    tokio::time::sleep(std::time::Duration::from_millis(450)).await;
    assert_eq!(call(&sandbox, "GET", "/zones", None).await.status, 200);
}

#[tokio::test]
async fn lists_are_paged_filtered_and_sorted() {
    let sandbox = start().await;
    let list = async |query: &str| {
        let answer = call(&sandbox, "GET", &records_path(&sandbox, "pro.test", query), None).await;
        assert_eq!(answer.status, 200, "{query} {answer:?}");
        answer.body
    };
    let all = list("").await;
    assert_eq!(
        all["result_info"],
        json!({ "page": 1, "per_page": 100, "count": 13, "total_count": 13, "total_pages": 1 })
    );
    let third = list("?per_page=5&page=3").await;
    assert_eq!(
        third["result_info"],
        json!({ "page": 3, "per_page": 5, "count": 3, "total_count": 13, "total_pages": 3 })
    );
    let cases = [
        ("?name=www.pro.test", 1),
        ("?name.exact=WWW.pro.test", 1),
        ("?name.contains=edge", 2),
        ("?name.startswith=www&name.endswith=test", 1),
        ("?type=A", 7),
        ("?type=A&content=127.0.1.1", 1),
        ("?type=TXT&type=A&match=any", 8),
        ("?comment.present", 1),
        ("?comment.contains=PE", 1),
        ("?tag=env:live", 1),
        ("?tag.absent=env", 12),
        ("?search=127.0.1.1", 1),
        ("?name=%77ww.pro.test", 1),
        ("?name=nothing.pro.test", 0),
    ];
    for (query, count) in cases {
        assert_eq!(list(query).await["result_info"]["total_count"], count, "{query}");
    }
    let sorted = list("?type=A&order=content&direction=desc").await;
    assert_eq!(sorted["result"][0]["content"], "127.0.1.7");
    for query in ["?per_page=0", "?per_page=5000001", "?page=x", "?order=colour"] {
        let answer = call(&sandbox, "GET", &records_path(&sandbox, "pro.test", query), None).await;
        assert_eq!(answer.status, 400, "{query}");
    }
}

#[tokio::test]
async fn the_log_names_tokens_and_never_holds_them() {
    let sandbox = start().await;
    call(&sandbox, "GET", "/zones?name=pro.test", None).await;
    let log = sandbox.requests();
    assert_eq!((log.len(), log[0].token.as_deref(), log[0].status), (1, Some("writer"), Some(200)));
    assert_eq!((log[0].path.as_str(), log[0].query.as_str()), ("/zones", "name=pro.test"));
    assert!(!serde_json::to_string(&log).unwrap().contains(WRITER));
    assert!(!format!("{sandbox:?}").contains(WRITER));
    sandbox.clear_requests();
    assert!(sandbox.requests().is_empty());
}
