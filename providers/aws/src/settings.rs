//! A connection resolved, once, into settings that can only be valid. No network.

use std::time::Duration;

use aws_config::Region;
use aws_config::retry::RetryConfig;
use aws_types::os_shim_internal::Env;
use switchover::model::SideName;

use crate::failure::Failure;
use crate::options::Connection;
use crate::profile::Profiles;

/// Everything that is known before the first request.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Whose account it is, as a person says it: `profile Upstream in ap-east-1`.
    pub(crate) whose: String,
    pub(crate) region: Region,
    pub(crate) retries: RetryConfig,
    /// The long-lived access key id behind the credentials, where the AWS files or the environment tell.
    pub(crate) root_key: Option<String>,
    /// Where credentials were looked for.
    pub(crate) places: String,
    pub(crate) connection: Connection,
}

fn whose(side: &SideName, connection: &Connection, region: Option<&str>) -> String {
    let who = match &connection.profile {
        Some(profile) => format!("profile {}", profile.escape_debug()),
        None => format!("side {side}"),
    };
    match region {
        Some(region) => format!("{who} in {region}"),
        None => who,
    }
}

impl Settings {
    /// Reads the AWS files and checks what they and the options say.
    pub(crate) async fn resolve(side: &SideName, connection: Connection) -> Result<Self, Failure> {
        let early = whose(side, &connection, connection.region.as_deref());
        let checked = async {
            check(&connection)?;
            let env = Env::real();
            let profiles = Profiles::read(&connection, env.clone()).await?;
            let region = region(&connection, &profiles, &env)?;
            Ok((profiles.retries()?, region, profiles))
        };
        let (retries, region, profiles) =
            checked.await.map_err(|why| Failure::Misconfigured { whose: early, why })?;
        Ok(Self {
            whose: whose(side, &connection, Some(region.as_ref())),
            region,
            retries,
            root_key: profiles.root_key(connection.profile.is_some()),
            places: profiles.places(),
            connection,
        })
    }
}

fn check(connection: &Connection) -> Result<(), String> {
    let limits: [(&str, Duration); 2] = [
        ("connect_timeout", connection.connect_timeout),
        ("operation_timeout", connection.operation_timeout),
    ];
    for (key, period) in limits {
        if period.is_zero() {
            return Err(format!(
                "`{key}` is zero, so nothing could ever be asked; the default is to leave it out"
            ));
        }
    }
    match &connection.endpoint_url {
        Some(url) if !(url.starts_with("http://") || url.starts_with("https://")) => Err(format!(
            "`endpoint_url` is `{}`; it must start with `https://` or `http://`",
            url.escape_debug()
        )),
        Some(_) | None => Ok(()),
    }
}

/// A profile's own region goes before `AWS_REGION` when the side names the profile: one variable must not send both sides
/// to one region. The machine's own region is not asked for: that would be a request, and no answer to the question.
fn region(connection: &Connection, profiles: &Profiles, env: &Env) -> Result<Region, String> {
    let from_env = || env.get("AWS_REGION").or_else(|_| env.get("AWS_DEFAULT_REGION")).ok();
    let from_profile = || profiles.region().map(str::to_owned);
    let found = match (&connection.region, &connection.profile) {
        (Some(region), _) => Some(region.clone()),
        (None, Some(_)) => from_profile().or_else(from_env),
        (None, None) => from_env().or_else(from_profile),
    };
    let region = found.ok_or_else(|| {
        format!("no region: give the side a `region`, or its profile one in {}", profiles.places())
    })?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if region.is_empty() || !region.chars().all(plain) {
        return Err(format!("`{}` is no region; one looks like `ap-east-1`", region.escape_debug()));
    }
    Ok(Region::new(region))
}
