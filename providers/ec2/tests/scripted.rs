//! The address book against a small HTTP server that answers as AWS does, and as AWS should not.

#![expect(clippy::unwrap_used, reason = "a test may fail; clippy counts only functions marked as tests")]

mod server;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use server::{Reply, Server, address, addresses, caller, error};
use switchover::config::Period;
use switchover::model::{AddressName, SideName};
use switchover::port::{AddressBook, AddressError, Attachment, Identity, Meter};
use switchover_ec2::{Ec2Addresses, Ec2Options};
use tempfile::TempDir;

const CONFIG: &str = "
[profile Upstream]
region = ap-east-1
[profile UpstreamAlt]
region = ap-southeast-2
[profile Keyless]
region = ap-east-1
[profile Placeless]
[profile Impatient]
region = ap-east-1
retry_mode = hurried
[profile Stubborn]
region = ap-east-1
max_attempts = 20
[profile RoleA]
region = ap-east-1
endpoint_url = {server}
role_arn = arn:aws:iam::111111111111:role/a
source_profile = Upstream
[profile RoleB]
region = ap-southeast-2
endpoint_url = {server}
role_arn = arn:aws:iam::222222222222:role/b
source_profile = Upstream
";
const CREDENTIALS: &str = "
[Upstream]
aws_access_key_id = AKIAUPSTREAMUPSTREAM
aws_secret_access_key = very-secret-upstream
[UpstreamAlt]
aws_access_key_id = AKIAUPSTREAMALTALTAL
aws_secret_access_key = very-secret-alt
[Placeless]
aws_access_key_id = AKIAPLACELESSPLACELE
aws_secret_access_key = very-secret-placeless
[Stubborn]
aws_access_key_id = AKIASTUBBORNSTUBBORN
aws_secret_access_key = very-secret-stubborn
[Impatient]
aws_access_key_id = AKIAIMPATIENTIMPATIE
aws_secret_access_key = very-secret-impatient
";

/// A side's book, its server, and the meter, with AWS files of their own.
struct Scene {
    server: Server,
    meter: Meter,
    files: TempDir,
}

impl Scene {
    async fn new(script: impl Fn(&server::Asked) -> Reply + Send + Sync + 'static) -> Self {
        let files = TempDir::new().unwrap();
        let server = Server::start(script).await;
        std::fs::write(files.path().join("config"), CONFIG.replace("{server}", &server.url())).unwrap();
        std::fs::write(files.path().join("credentials"), CREDENTIALS).unwrap();
        Self { server, meter: Meter::default(), files }
    }

    async fn always(reply: Reply) -> Self {
        Self::new(move |_| reply.clone()).await
    }

    fn options(&self, profile: Option<&str>) -> Ec2Options {
        let file = |name: &str| Some(Path::new(self.files.path()).join(name));
        Ec2Options {
            profile: profile.map(str::to_owned),
            config_file: file("config"),
            credentials_file: file("credentials"),
            endpoint_url: Some(self.server.url()),
            ..Ec2Options::default()
        }
    }

    async fn connect(&self, options: Ec2Options) -> Result<Ec2Addresses, AddressError> {
        Ec2Addresses::connect(&SideName::new("hongkong").unwrap(), options, self.meter.clone()).await
    }

    async fn book(&self, profile: &str) -> Ec2Addresses {
        self.connect(self.options(Some(profile))).await.unwrap()
    }

    async fn refusal(&self, options: Ec2Options) -> String {
        self.connect(options).await.unwrap_err().to_string()
    }

    async fn failure(&self) -> String {
        self.book("Upstream").await.look_up(&names(&["web"])).await.unwrap_err().to_string()
    }

    async fn identity(&self, profile: &str) -> Identity {
        self.book(profile).await.identity().await.unwrap().unwrap()
    }
}

fn names(names: &[&str]) -> BTreeSet<AddressName> {
    names.iter().map(|one| name(one)).collect()
}

fn name(text: &str) -> AddressName {
    AddressName::new(text).unwrap()
}

/// Runs `body` in a process of its own, which alone has these environment variables, and no others of AWS.
fn alone<F: Future<Output = ()>>(test: &str, variables: &[(&str, &str)], body: impl FnOnce() -> F) {
    const CHILD: &str = "SWITCHOVER_EC2_TEST_CHILD";
    if std::env::var(CHILD).as_deref() == Ok(test) {
        return tokio::runtime::Runtime::new().unwrap().block_on(body());
    }
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", test, "--nocapture"]).env(CHILD, test);
    for (inherited, _) in std::env::vars_os() {
        if inherited.to_string_lossy().starts_with("AWS_") {
            child.env_remove(inherited);
        }
    }
    let output = child.envs(variables.iter().copied()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

// ---- Looking up

#[tokio::test]
async fn names_that_are_all_there_cost_one_request() {
    let scene = Scene::always(addresses(&[
        address("web", "192.0.2.1").instance("i-1"),
        address("files", "192.0.2.2").interface("eni-2"),
        address("bastion", "192.0.2.3"),
    ]))
    .await;
    let book = scene.book("Upstream").await;
    assert_eq!((scene.meter.total(), scene.server.asked().len()), (0, 0), "connecting sends nothing");

    let listing = book.look_up(&names(&["web", "files", "bastion"])).await.unwrap();
    let told: Vec<_> = listing
        .found
        .iter()
        .map(|(name, all)| (name.as_str(), all.len(), all[0].address.to_string(), all[0].attachment.clone()))
        .collect();
    assert_eq!(
        told,
        [
            ("bastion", 1, "192.0.2.3".to_owned(), Attachment::Detached),
            ("files", 1, "192.0.2.2".to_owned(), Attachment::Attached("eni-2".into())),
            ("web", 1, "192.0.2.1".to_owned(), Attachment::Attached("i-1".into())),
        ]
    );
    let asked = scene.server.asked();
    assert_eq!((asked.len(), scene.meter.total()), (1, 1));
    assert_eq!(asked[0].value("Action"), Some("DescribeAddresses"));
    assert_eq!(asked[0].value("Filter.1.Name"), Some("tag:Name"));
    assert_eq!(asked[0].value("Filter.1.Value.3"), Some("web"));
    assert_eq!(asked[0].key(), "AKIAUPSTREAMUPSTREAM");
    assert_eq!(asked[0].region(), "ap-east-1");
}

#[tokio::test]
async fn a_missing_name_costs_a_second_request_that_tells_the_near_misses() {
    let scene = Scene::new(|asked| match asked.value("Filter.1.Name") {
        Some("tag-key") => addresses(&[
            address("eip-gigadb-live-gigadb", "192.0.2.1"),
            address("web", "192.0.2.2"),
            address("\u{7}", "192.0.2.3"),
        ]),
        _ => addresses(&[address("web", "192.0.2.2")]),
    })
    .await;
    let listing =
        scene.book("Upstream").await.look_up(&names(&["eip-gigadb-live-gigad", "web"])).await.unwrap();
    assert_eq!(listing.found.keys().collect::<Vec<_>>(), [&name("web")]);
    assert_eq!(listing.others, names(&["eip-gigadb-live-gigadb"]));
    assert_eq!(scene.server.asked()[1].value("Filter.1.Value.1"), Some("Name"));
    assert_eq!(scene.meter.total(), 2);
}

#[tokio::test]
async fn a_name_with_a_wildcard_finds_itself_alone() {
    let all = [address("eip-1", "192.0.2.1"), address("eip-*", "192.0.2.2")];
    let scene = Scene::always(addresses(&all)).await;
    let listing = scene.book("Upstream").await.look_up(&names(&["eip-*"])).await.unwrap();
    assert_eq!(listing.found[&name("eip-*")][0].address.to_string(), "192.0.2.2");
    assert_eq!(listing.found.len(), 1, "a name that EC2 matched by wildcard was not asked for");
    assert_eq!(scene.server.asked()[0].value("Filter.1.Value.1"), Some(r"eip-\*"));
}

#[tokio::test]
async fn an_address_found_twice_is_told_twice() {
    let all = [address("web", "192.0.2.1"), address("web", "192.0.2.2")];
    let scene = Scene::always(addresses(&all)).await;
    let listing = scene.book("Upstream").await.look_up(&names(&["web"])).await.unwrap();
    assert_eq!(listing.found[&name("web")].len(), 2);
}

#[tokio::test]
async fn more_names_than_a_filter_takes_are_still_one_request() {
    let many: Vec<String> = (0..201).map(|number| format!("eip-{number}")).collect();
    let all: Vec<_> = many.iter().map(|name| address(name, "192.0.2.1")).collect();
    let scene = Scene::always(addresses(&all)).await;
    let wanted = many.iter().map(|one| name(one)).collect();
    assert_eq!(scene.book("Upstream").await.look_up(&wanted).await.unwrap().found.len(), 201);
    let asked = scene.server.asked();
    assert_eq!((asked.len(), asked[0].value("Filter.1.Name")), (1, Some("tag-key")));
}

#[tokio::test]
async fn nothing_wanted_asks_nothing() {
    let scene = Scene::always(Reply::Hang).await;
    let listing = scene.book("Upstream").await.look_up(&BTreeSet::new()).await.unwrap();
    assert!(listing.found.is_empty() && scene.server.asked().is_empty());
}

#[tokio::test]
async fn all_names_are_listed_once_each() {
    let all = [address("web", "192.0.2.1"), address("web", "192.0.2.2"), address("a", "192.0.2.3")];
    let scene = Scene::always(addresses(&all)).await;
    assert_eq!(scene.book("Upstream").await.list_all().await.unwrap(), names(&["a", "web"]));
}

// ---- Answers that are none

#[tokio::test]
async fn what_aws_refuses_is_told_in_its_words_with_its_code() {
    let refused = "profile Upstream in ap-east-1: the credentials were refused";
    for (status, code, expected) in [
        (401, "AuthFailure", format!("{refused} (AuthFailure): because")),
        (403, "UnauthorizedOperation", format!("{refused} (UnauthorizedOperation): because")),
        (400, "ExpiredToken", format!("{refused} (ExpiredToken): because")),
        (400, "RequestExpired", format!("{refused} (RequestExpired): because")),
        (401, "OptInRequired", format!("{refused} (OptInRequired): because")),
        (
            400,
            "InvalidParameterValue",
            "profile Upstream in ap-east-1: refused (InvalidParameterValue): because".to_owned(),
        ),
    ] {
        let scene = Scene::always(error(status, code, "because")).await;
        assert_eq!(scene.failure().await, expected);
        assert_eq!(scene.meter.total(), 1, "{code}: asking again would not help");
    }
}

#[tokio::test]
async fn throttling_is_waited_out_a_few_times_and_then_told() {
    let scene = Scene::always(error(503, "RequestLimitExceeded", "Request limit exceeded.")).await;
    assert_eq!(
        scene.failure().await,
        "profile Upstream in ap-east-1: no usable answer: AWS limits how often it may be asked, and did so at \
         every try (RequestLimitExceeded): Request limit exceeded."
    );
    assert_eq!((scene.server.asked().len(), scene.meter.total()), (3, 3), "every try is counted");
}

#[tokio::test]
async fn one_throttled_try_is_made_good() {
    let scene = Scene::new(|asked| match asked.number {
        1 => error(503, "RequestLimitExceeded", "Request limit exceeded."),
        _ => addresses(&[address("web", "192.0.2.1")]),
    })
    .await;
    assert_eq!(scene.book("Upstream").await.look_up(&names(&["web"])).await.unwrap().found.len(), 1);
    assert_eq!(scene.meter.total(), 2);
}

#[tokio::test]
async fn what_is_no_answer_of_aws_is_not_taken_for_one() {
    let whose = "profile Upstream in ap-east-1: no usable answer: ";
    let html = "<html><body><h1>Sign in to the network</h1></body></html>";
    let list = addresses(&[address("web", "192.0.2.1")]).body();
    for (reply, expected) in [
        (Reply::Answer(200, html.into()), "HTTP 200 with an answer that is not AWS's"),
        (Reply::Answer(200, "{\"success\": true}".into()), "HTTP 200 with an answer that is not AWS's"),
        (Reply::Answer(200, list[..list.len() / 2].into()), "HTTP 200 with an answer that is not AWS's"),
        (Reply::Answer(200, String::new()), "HTTP 200 with an answer that is not AWS's"),
        (Reply::Answer(404, html.into()), "HTTP 404"),
        (Reply::Answer(502, html.into()), "HTTP 502"),
        (Reply::Answer(503, String::new()), "HTTP 503"),
        (Reply::Answer(500, error(500, "InternalError", "oh").body()), "HTTP 500 (InternalError): oh"),
        (Reply::Close, "not reached: "),
        (Reply::Raw("SSH-2.0-OpenSSH_9.2\r\n".into()), "not reached: "),
        (addresses(&[address("web", "192.0.2")]), "`192.0.2` is no IP address, at `web` (eipalloc-0)"),
    ] {
        let scene = Scene::always(reply.clone()).await;
        let told = scene.failure().await;
        assert!(told.starts_with(&format!("{whose}{expected}")), "{reply:?}: {told}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_left_in_time() {
    let scene = Scene::always(Reply::Hang).await;
    // Between two tries the SDK waits up to a second: the second one must fall within the limit.
    let limit = Period(Duration::from_millis(2400));
    let options = Ec2Options { operation_timeout: limit, ..scene.options(Some("Stubborn")) };
    let book = scene.connect(options).await.unwrap();
    let started = Instant::now();
    let told = book.look_up(&names(&["web"])).await.unwrap_err().to_string();
    assert_eq!(told, "profile Stubborn in ap-east-1: no usable answer: no answer within 2s 400ms");
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert!(scene.meter.total() >= 2, "one slow try does not use up the whole time");
}

#[tokio::test]
async fn a_closed_port_is_named() {
    let scene = Scene::always(Reply::Hang).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options =
        Ec2Options { endpoint_url: Some(format!("http://{free}")), ..scene.options(Some("Upstream")) };
    let told = scene.connect(options).await.unwrap().look_up(&names(&["web"])).await.unwrap_err().to_string();
    assert!(told.contains("not reached: Connection refused"), "{told}");
}

#[tokio::test]
async fn words_of_a_refusal_are_kept_short() {
    let scene = Scene::always(error(403, "UnauthorizedOperation", &"A1b2".repeat(1000))).await;
    assert!(scene.failure().await.len() < 500);
}

// ---- Whose credentials

#[tokio::test]
async fn the_identity_is_whose_key_signed() {
    let scene = Scene::always(caller("111111111111", "arn:aws:iam::111111111111:user/ops")).await;
    let identity = scene.identity("Upstream").await;
    assert_eq!(
        (identity.account.as_str(), identity.principal.as_str(), identity.credential.as_str()),
        ("111111111111", "arn:aws:iam::111111111111:user/ops", "AKIA…REAM")
    );
    // printf AKIAUPSTREAMUPSTREAM | sha256sum
    assert_eq!(identity.fingerprint, "abdb891a4c28ed080461af8cee1679ce1dbec5ddaa04a0d14c7930c3e279f1ff");
    assert_ne!(identity.fingerprint, scene.identity("UpstreamAlt").await.fingerprint);
    assert_eq!(scene.server.asked()[1].key(), "AKIAUPSTREAMALTALTAL");
    assert_eq!(scene.meter.total(), 2);
}

#[tokio::test]
async fn roles_that_are_assumed_with_one_key_share_that_key() {
    let scene = Scene::new(|asked| match asked.value("Action") {
        Some("AssumeRole") => server::role(&format!("ASIATEMPORARY{:07}", asked.number)),
        _ => caller("111111111111", "arn:aws:sts::111111111111:assumed-role/a/b"),
    })
    .await;
    let (a, b) = (scene.identity("RoleA").await, scene.identity("RoleB").await);
    assert_eq!(a.fingerprint, b.fingerprint, "one leak of the source profile's key would lose both sides");
    assert_eq!(a.credential, "AKIA…REAM");
    let signed: Vec<String> = scene.server.asked().iter().map(|asked| asked.key().to_owned()).collect();
    assert!(signed[1].starts_with("ASIA") && signed[3].starts_with("ASIA") && signed[1] != signed[3]);
}

#[tokio::test]
async fn a_role_that_may_not_be_assumed_is_told_in_the_words_of_sts() {
    let scene = Scene::always(server::sts_error(403, "AccessDenied", "not authorized to assume a")).await;
    assert_eq!(
        scene.book("RoleA").await.look_up(&names(&["web"])).await.unwrap_err().to_string(),
        "profile RoleA in ap-east-1: the credentials were refused (AccessDenied): not authorized to assume a"
    );
}

#[tokio::test]
async fn neither_debug_nor_an_error_shows_a_secret_or_a_whole_key() {
    let scene = Scene::always(error(401, "AuthFailure", "not validated")).await;
    let book = scene.book("Upstream").await;
    let error = book.identity().await.unwrap_err();
    for shown in [format!("{book:?}"), format!("{error:?} {error}")] {
        assert!(!shown.contains("very-secret") && !shown.contains("AKIAUPSTREAM"), "{shown}");
        assert!(shown.contains("Upstream in ap-east-1"), "{shown}");
    }
}

#[test]
fn a_key_in_the_environment_does_not_override_a_named_profile() {
    let environment = [
        ("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTENVIR"),
        ("AWS_SECRET_ACCESS_KEY", "very-secret-environment"),
        ("AWS_PROFILE", "UpstreamAlt"),
        ("AWS_REGION", "us-east-1"),
    ];
    alone("a_key_in_the_environment_does_not_override_a_named_profile", &environment, async || {
        let scene = Scene::always(caller("1", "arn:aws:iam::1:user/ops")).await;
        let (first, second) = (scene.identity("Upstream").await, scene.identity("UpstreamAlt").await);
        assert_ne!(first.fingerprint, second.fingerprint);
        let asked = scene.server.asked();
        assert_eq!((asked[0].key(), asked[0].region()), ("AKIAUPSTREAMUPSTREAM", "ap-east-1"));
        assert_eq!((asked[1].key(), asked[1].region()), ("AKIAUPSTREAMALTALTAL", "ap-southeast-2"));
    });
}

#[test]
fn a_named_profile_without_credentials_asks_nobody_else() {
    let environment = [
        ("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTENVIR"),
        ("AWS_SECRET_ACCESS_KEY", "very-secret-environment"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/"),
    ];
    alone("a_named_profile_without_credentials_asks_nobody_else", &environment, async || {
        let scene = Scene::always(caller("1", "arn:aws:iam::1:user/ops")).await;
        let told = scene.book("Keyless").await.identity().await.unwrap_err().to_string();
        assert!(
            told.starts_with(
                "profile Keyless in ap-east-1: no usable credentials: none are given; looked in /"
            ),
            "{told}"
        );
        assert!(scene.server.asked().is_empty(), "{:?}", scene.server.asked());
    });
}

#[test]
fn a_side_without_a_profile_uses_the_environment() {
    let environment = [
        ("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTENVIR"),
        ("AWS_SECRET_ACCESS_KEY", "very-secret-environment"),
        ("AWS_REGION", "eu-west-1"),
    ];
    alone("a_side_without_a_profile_uses_the_environment", &environment, async || {
        let scene = Scene::always(caller("1", "arn:aws:iam::1:user/ops")).await;
        let book = scene.connect(scene.options(None)).await.unwrap();
        assert_eq!(book.identity().await.unwrap().unwrap().credential, "AKIA…NVIR");
        assert_eq!(scene.server.asked()[0].region(), "eu-west-1");
        assert_eq!(format!("{book:?}"), "Ec2Addresses(\"side hongkong in eu-west-1\")");
    });
}

#[test]
fn aws_profile_must_name_a_profile_that_is_there() {
    alone("aws_profile_must_name_a_profile_that_is_there", &[("AWS_PROFILE", "upstreem")], async || {
        let scene = Scene::always(Reply::Hang).await;
        let told = scene.refusal(scene.options(None)).await;
        assert!(told.contains("there is no profile `upstreem` (from AWS_PROFILE) in /"), "{told}");
        assert!(told.ends_with("did you mean `Upstream`?"), "{told}");
    });
}

#[test]
fn without_any_credentials_and_without_metadata_it_says_so() {
    let environment = [("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_REGION", "eu-west-1")];
    alone("without_any_credentials_and_without_metadata_it_says_so", &environment, async || {
        let scene = Scene::always(Reply::Hang).await;
        let started = Instant::now();
        let book = scene.connect(scene.options(None)).await.unwrap();
        let told = book.look_up(&names(&["web"])).await.unwrap_err();
        assert!(matches!(told, AddressError::NoCredentials { .. }), "{told}");
        assert!(started.elapsed() < Duration::from_secs(2) && scene.server.asked().is_empty());
    });
}

#[test]
fn connecting_asks_the_machine_for_nothing() {
    // The metadata service is a port that nobody listens on; asking it for a region would fail slowly, not silently.
    alone("connecting_asks_the_machine_for_nothing", &[], async || {
        let scene = Scene::always(Reply::Hang).await;
        let told = scene.refusal(scene.options(None)).await;
        assert!(told.contains("no region: give the side a `region`, or its profile one in /"), "{told}");
        let told = scene.refusal(scene.options(Some("Placeless"))).await;
        assert!(told.contains("profile Placeless: no region"), "{told}");
    });
}

// ---- Options and files that cannot be used

#[tokio::test]
async fn an_unknown_profile_is_refused_before_anything_is_asked() {
    let scene = Scene::always(Reply::Hang).await;
    let told = scene.refusal(scene.options(Some("Upstrem"))).await;
    assert!(told.starts_with("profile Upstrem: there is no profile `Upstrem` in /"), "{told}");
    assert!(told.ends_with("/credentials; did you mean `Upstream`?"), "{told}");
    let told = scene.refusal(scene.options(Some("production"))).await;
    assert!(told.ends_with("/credentials"), "nothing is near: {told}");
}

#[tokio::test]
async fn files_that_are_missing_or_broken_are_named_without_their_content() {
    let scene = Scene::always(Reply::Hang).await;
    let missing = Ec2Options {
        credentials_file: Some(scene.files.path().join("nowhere")),
        ..scene.options(Some("Upstream"))
    };
    let told = scene.refusal(missing).await;
    assert!(told.contains("/nowhere`: No such file"), "{told}");

    std::fs::write(scene.files.path().join("credentials"), "[Upstream]\nvery-secret-line\n").unwrap();
    let told = scene.refusal(scene.options(Some("Upstream"))).await;
    assert!(told.contains("could not parse") && told.contains("line 2"), "{told}");
    assert!(!told.contains("very-secret"), "{told}");
}

#[tokio::test]
async fn options_that_cannot_work_are_refused() {
    let scene = Scene::always(Reply::Hang).await;
    let usual = || scene.options(Some("Upstream"));
    let zero = Period(Duration::ZERO);
    for (options, expected) in [
        (Ec2Options { operation_timeout: zero, ..usual() }, "`operation_timeout` is zero"),
        (Ec2Options { connect_timeout: zero, ..usual() }, "`connect_timeout` is zero"),
        (Ec2Options { endpoint_url: Some("localhost:5000".into()), ..usual() }, "must start with `https://`"),
        (Ec2Options { region: Some("Hong Kong".into()), ..usual() }, "`Hong Kong` is no region"),
        (
            scene.options(Some("Impatient")),
            "`retry_mode` of profile `Impatient` is `hurried`; it must be `standard`",
        ),
    ] {
        let told = scene.refusal(options).await;
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn retry_settings_in_the_environment_are_checked_where_the_sdk_would_panic() {
    let test = "retry_settings_in_the_environment_are_checked_where_the_sdk_would_panic";
    alone(test, &[("AWS_RETRY_MODE", "legacy"), ("AWS_MAX_ATTEMPTS", "0")], async || {
        let scene = Scene::always(Reply::Hang).await;
        let told = scene.refusal(scene.options(Some("Upstream"))).await;
        assert!(told.contains("AWS_RETRY_MODE is `legacy`; it must be `standard` or `adaptive`"), "{told}");
    });
}

#[test]
fn the_number_of_tries_in_the_environment_counts() {
    alone("the_number_of_tries_in_the_environment_counts", &[("AWS_MAX_ATTEMPTS", "2")], async || {
        let scene = Scene::always(error(503, "RequestLimitExceeded", "slower")).await;
        scene.failure().await;
        assert_eq!(scene.meter.total(), 2);
    });
}
