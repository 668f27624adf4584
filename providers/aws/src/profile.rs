//! What the AWS files say: which profiles there are, and what one of them settles. Reads local files only.
//!
//! The format: <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::error::Error;

use aws_config::profile::ProfileSet;
use aws_config::retry::{RetryConfig, RetryMode};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_types::os_shim_internal::{Env, Fs};

use crate::options::Connection;

/// The AWS files of one side, read. Has no `Debug`: it holds secret keys.
pub(crate) struct Profiles {
    set: ProfileSet,
    env: Env,
    /// The two files, as a person names them.
    places: [String; 2],
}

/// The files that the options name, or the usual ones.
pub(crate) fn files(options: &Connection) -> EnvConfigFiles {
    let builder = EnvConfigFiles::builder();
    let builder = match &options.config_file {
        Some(path) => builder.with_file(EnvConfigFileKind::Config, path),
        None => builder.include_default_config_file(true),
    };
    match &options.credentials_file {
        Some(path) => builder.with_file(EnvConfigFileKind::Credentials, path).build(),
        None => builder.include_default_credentials_file(true).build(),
    }
}

fn places(options: &Connection, env: &Env) -> [String; 2] {
    let place = |option: &Option<std::path::PathBuf>, variable: &str, usual: &str| match option {
        Some(path) => path.display().to_string(),
        None => env.get(variable).unwrap_or_else(|_| usual.to_owned()),
    };
    [
        place(&options.config_file, "AWS_CONFIG_FILE", "~/.aws/config"),
        place(&options.credentials_file, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
    ]
}

impl Profiles {
    /// Reads the files. The profile in use is the one that the options name, else `AWS_PROFILE`, else `default`.
    pub(crate) async fn read(options: &Connection, env: Env) -> Result<Self, String> {
        let places = places(options, &env);
        let chosen = options.profile.clone().map(Cow::Owned);
        let set = aws_config::profile::load(&Fs::real(), &env, &files(options), chosen)
            .await
            .map_err(|error| unreadable(&error, &places))?;
        let profiles = Self { set, env, places };
        profiles.require_the_chosen_one(options)?;
        Ok(profiles)
    }

    /// A profile that was named must exist; `default` need not while nobody named it.
    fn require_the_chosen_one(&self, options: &Connection) -> Result<(), String> {
        let name = self.set.selected_profile();
        let named = options.profile.is_some() || self.env.get("AWS_PROFILE").is_ok();
        if !named || self.set.get_profile(name).is_some() {
            return Ok(());
        }
        let source = if options.profile.is_some() { "" } else { " (from AWS_PROFILE)" };
        let near = self.nearest(name).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        Err(format!("there is no profile `{}`{source} in {}{near}", name.escape_debug(), self.places()))
    }

    fn nearest(&self, name: &str) -> Option<&str> {
        let distance = |other: &str| strsim::osa_distance(&name.to_lowercase(), &other.to_lowercase());
        let near = self.set.profiles().map(|other| (distance(other), other)).min()?;
        (near.0 <= 1 + name.len() / 4).then_some(near.1)
    }

    /// The two files, as a person names them.
    pub(crate) fn places(&self) -> String {
        format!("{} or {}", self.places[0], self.places[1])
    }

    /// The region of the profile in use.
    pub(crate) fn region(&self) -> Option<&str> {
        self.set.get("region")
    }

    /// How often the SDK tries. The SDK's own reading of these settings panics on a value it does not know.
    ///
    /// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>
    pub(crate) fn retries(&self) -> Result<RetryConfig, String> {
        let mut retries = RetryConfig::standard();
        if let Some((place, mode)) = self.setting("AWS_RETRY_MODE", "retry_mode") {
            let mode = mode.parse::<RetryMode>().map_err(|_| {
                format!("{place} is `{}`; it must be `standard` or `adaptive`", mode.escape_debug())
            })?;
            retries = retries.with_retry_mode(mode);
        }
        if let Some((place, attempts)) = self.setting("AWS_MAX_ATTEMPTS", "max_attempts") {
            let number = attempts.parse().ok().filter(|number| *number > 0).ok_or_else(|| {
                format!("{place} is `{}`; it must be a whole number above zero", attempts.escape_debug())
            })?;
            retries = retries.with_max_attempts(number);
        }
        Ok(retries)
    }

    fn setting(&self, variable: &str, key: &str) -> Option<(String, String)> {
        let from_env = self.env.get(variable).ok().map(|value| (variable.to_owned(), value));
        let place = || format!("`{key}` of profile `{}`", self.set.selected_profile());
        from_env.or_else(|| self.set.get(key).map(|value| (place(), value.to_owned())))
    }

    /// The long-lived access key id that the credentials come from, where the files (or the environment) tell.
    ///
    /// A profile that assumes a role gets a new temporary key each time; two such profiles on one source profile still
    /// share that profile's key. `only_this_profile` leaves the environment out, as naming a profile does.
    pub(crate) fn root_key(&self, only_this_profile: bool) -> Option<String> {
        if !only_this_profile && let Some(key) = self.key_of_the_environment() {
            return Some(key);
        }
        let mut name = self.set.selected_profile();
        let mut seen = BTreeSet::new();
        while seen.insert(name) {
            let profile = self.set.get_profile(name)?;
            let key = || profile.get("aws_access_key_id").map(str::to_owned);
            let assumes_a_role = profile.get("role_arn").is_some();
            // The first profile of a chain assumes its role although it has a key; later ones end the chain with theirs.
            if !assumes_a_role || (seen.len() > 1 && key().is_some()) {
                return key();
            }
            match (profile.get("source_profile"), profile.get("credential_source")) {
                (Some(source), _) if source == name => return key(),
                (Some(source), _) => name = source,
                (None, Some("Environment")) => return self.key_of_the_environment(),
                (None, _) => return None,
            }
        }
        None
    }

    fn key_of_the_environment(&self) -> Option<String> {
        let secret = self.env.get("AWS_SECRET_ACCESS_KEY").is_ok();
        self.env.get("AWS_ACCESS_KEY_ID").ok().filter(|key| secret && !key.trim().is_empty())
    }
}

fn unreadable(error: &aws_config::profile::ProfileFileLoadError, places: &[String; 2]) -> String {
    let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
    format!("{error}{cause} (the AWS files are {} and {})", places[0], places[1])
}
