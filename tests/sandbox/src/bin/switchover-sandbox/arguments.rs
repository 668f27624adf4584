//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
A whole hot-standby pair on loopback: Cloudflare's DNS API, name servers, a resolver and the sites.

Usage:
  switchover-sandbox SEED.toml                       run until Ctrl-C or SIGTERM
  switchover-sandbox SEED.toml -- COMMAND [ARGS…]    run for as long as the command does, and exit as it does

The command finds the sandbox by its environment:
  SANDBOX_API            base URL of the API, ending in /client/v4
  SANDBOX_CONTROL        base URL of the controls, ending in /sandbox
  SANDBOX_DNS            addresses of the authoritative name servers, with commas between
  SANDBOX_RESOLVER       addresses of the caching resolvers, with commas between
  CLOUDFLARE_API_TOKEN   the seed's first token
  SANDBOX_GITLAB         the URL of the first GitLab server, if there is one
  GITLAB_TOKEN           its first token

Options:
  -h, --help       print this
  -V, --version    print the version
";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arguments {
    Help,
    Version,
    Run { seed: PathBuf, command: Vec<OsString> },
}

/// What is wrong with the command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Usage(pub(crate) String);

impl Arguments {
    pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Arguments, Usage> {
        let arguments: Vec<OsString> = arguments.collect();
        let words: Vec<Option<&str>> = arguments.iter().map(|argument| argument.to_str()).collect();
        match words.as_slice() {
            [] => Err(Usage("a seed file is missing".into())),
            [Some("-h" | "--help"), ..] => Ok(Arguments::Help),
            [Some("-V" | "--version"), ..] => Ok(Arguments::Version),
            [Some(option), ..] if option.starts_with('-') => {
                Err(Usage(format!("there is no option {option}")))
            }
            [_] => Ok(Arguments::Run { seed: PathBuf::from(&arguments[0]), command: Vec::new() }),
            [_, Some("--")] => Err(Usage("the command after -- is missing".into())),
            [_, Some("--"), ..] => {
                Ok(Arguments::Run { seed: PathBuf::from(&arguments[0]), command: arguments[2..].to_vec() })
            }
            [_, ..] => Err(Usage("only -- and a command may follow the seed file".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Arguments, Usage> {
        Arguments::parse(words.iter().map(OsString::from))
    }

    #[test]
    fn a_command_keeps_its_own_options() {
        let command = ["swap", "--help", "--"].map(OsString::from).to_vec();
        let expected = Arguments::Run { seed: "a.toml".into(), command };
        assert_eq!(parse(&["a.toml", "--", "swap", "--help", "--"]), Ok(expected));
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        for words in [&[][..], &["a.toml", "--"], &["a.toml", "swap"], &["--quiet", "a.toml"]] {
            assert!(parse(words).is_err(), "{words:?}");
        }
    }
}
