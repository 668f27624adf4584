//! Raw options resolved, once, into settings that can only be valid. No network.

use std::time::Duration;

use aws_config::Region;
use aws_config::retry::RetryConfig;
use aws_types::os_shim_internal::Env;
use switchover::model::SideName;
use switchover::port::AddressError;

use crate::options::Ec2Options;
use crate::profile::Profiles;

/// Whose book it is, as a person says it: `profile Upstream in ap-east-1`.
#[derive(Debug, Clone)]
pub(crate) struct Whose(String);

impl Whose {
    fn new(side: &SideName, options: &Ec2Options, region: Option<&str>) -> Self {
        let who = match &options.profile {
            Some(profile) => format!("profile {}", profile.escape_debug()),
            None => format!("side {side}"),
        };
        Self(match region {
            Some(region) => format!("{who} in {region}"),
            None => who,
        })
    }

    /// The words.
    pub(crate) fn say(&self) -> String {
        self.0.clone()
    }

    pub(crate) fn misconfigured(&self, why: String) -> AddressError {
        AddressError::Misconfigured { whose: self.say(), why }
    }

    pub(crate) fn no_credentials(&self, why: String) -> AddressError {
        AddressError::NoCredentials { whose: self.say(), why }
    }

    pub(crate) fn unavailable(&self, why: String) -> AddressError {
        AddressError::Unavailable { whose: self.say(), why }
    }
}

/// Everything that is known before the first request.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) whose: Whose,
    pub(crate) region: Region,
    pub(crate) retries: RetryConfig,
    pub(crate) connect_timeout: Duration,
    pub(crate) operation_timeout: Duration,
    pub(crate) root_key: Option<String>,
    /// Where credentials were looked for.
    pub(crate) places: String,
    pub(crate) options: Ec2Options,
}

impl Settings {
    /// Reads the AWS files and checks what they and the options say.
    pub(crate) async fn resolve(side: &SideName, options: Ec2Options) -> Result<Self, AddressError> {
        let early = Whose::new(side, &options, options.region.as_deref());
        let checked = async {
            check(&options)?;
            let env = Env::real();
            let profiles = Profiles::read(&options, env.clone()).await?;
            let region = region(&options, &profiles, &env)?;
            Ok((profiles.retries()?, region, profiles))
        };
        let (retries, region, profiles) = checked.await.map_err(|why| early.misconfigured(why))?;
        Ok(Self {
            whose: Whose::new(side, &options, Some(region.as_ref())),
            region,
            retries,
            connect_timeout: options.connect_timeout.0,
            operation_timeout: options.operation_timeout.0,
            root_key: profiles.root_key(options.profile.is_some()),
            places: profiles.places(),
            options,
        })
    }
}

fn check(options: &Ec2Options) -> Result<(), String> {
    for (key, period) in
        [("connect_timeout", options.connect_timeout), ("operation_timeout", options.operation_timeout)]
    {
        if period.0.is_zero() {
            return Err(format!(
                "`{key}` is zero, so nothing could ever be asked; the default is to leave it out"
            ));
        }
    }
    match &options.endpoint_url {
        Some(url) if !(url.starts_with("http://") || url.starts_with("https://")) => Err(format!(
            "`endpoint_url` is `{}`; it must start with `https://` or `http://`",
            url.escape_debug()
        )),
        Some(_) | None => Ok(()),
    }
}

/// A profile's own region goes before `AWS_REGION` when the side names the profile: one variable must not send both sides
/// to one region. The machine's own region is not asked for: that would be a request, and no answer to the question.
fn region(options: &Ec2Options, profiles: &Profiles, env: &Env) -> Result<Region, String> {
    let from_env = || env.get("AWS_REGION").or_else(|_| env.get("AWS_DEFAULT_REGION")).ok();
    let from_profile = || profiles.region().map(str::to_owned);
    let found = match (&options.region, &options.profile) {
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
