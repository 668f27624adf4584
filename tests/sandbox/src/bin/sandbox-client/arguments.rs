//! The command line.

use std::time::Duration;

use jiff::SignedDuration;
use switchover_sandbox::client::Target;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Clients of the applications that the sandbox's sites have.

Usage:
  sandbox-client write URL
      Writes one file below URL, such as http://127.0.1.3:18080/files, under the name that SWITCHOVER_PROBE ends in (or `probe`).
      Exit code 0: acknowledged; 1: refused; 126: nobody could be asked. So it may stand as a store's `freeze.probe`.

  sandbox-client upload NAME[:PORT] --resolver ADDRESS:PORT [--every 20ms]
      Uploads a numbered file again and again to wherever NAME leads, until SIGTERM or Ctrl-C. Then asks production for every file that
      was acknowledged. Exit code 0: all are there; 1: one is lost, nothing was acknowledged, or nobody could be asked.

Options:
  -h, --help       print this
";

/// The port of HTTP.
const PORT: u16 = 80;

/// The time between two uploads.
const EVERY: Duration = Duration::from_millis(20);

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arguments {
    Help,
    Write { files: String },
    Upload { target: Target, every: Duration },
}

/// What is wrong with the command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Usage(pub(crate) String);

impl Arguments {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Arguments, Usage> {
        let arguments: Vec<String> = arguments.collect();
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match words.as_slice() {
            [] => Err(Usage("say `write` or `upload`".into())),
            ["-h" | "--help", ..] => Ok(Arguments::Help),
            ["write", url] if url.starts_with("http://") => Ok(Arguments::Write { files: (*url).to_owned() }),
            ["write", ..] => Err(Usage("write takes one URL, with http:// in front".into())),
            ["upload", name, options @ ..] => upload(name, options),
            ["upload"] => Err(Usage("upload takes a name".into())),
            [other, ..] => Err(Usage(format!("there is no command {other}"))),
        }
    }
}

fn upload(name: &str, mut options: &[&str]) -> Result<Arguments, Usage> {
    let (name, port) = match name.split_once(':') {
        Some((name, port)) => (name, port.parse().map_err(|_| Usage(format!("{port} is no port")))?),
        None => (name, PORT),
    };
    let (mut resolver, mut every) = (None, EVERY);
    while let [option, value, rest @ ..] = options {
        let wrong = || Usage(format!("{option}: {value} cannot be read"));
        match *option {
            "--resolver" => resolver = Some(value.parse().map_err(|_| wrong())?),
            "--every" => every = period(value).ok_or_else(wrong)?,
            _ => return Err(Usage(format!("there is no option {option}"))),
        }
        options = rest;
    }
    if let [lonely] = options {
        return Err(Usage(format!("{lonely} lacks its value")));
    }
    let resolver = resolver.ok_or_else(|| Usage("--resolver is missing".into()))?;
    Ok(Arguments::Upload { target: Target { name: name.to_owned(), port, resolver }, every })
}

fn period(text: &str) -> Option<Duration> {
    let period: SignedDuration = text.parse().ok()?;
    Duration::try_from(period).ok().filter(|period| !period.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, Usage> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn an_upload_has_a_port_a_resolver_and_a_pace() {
        let resolver = "127.0.53.3:18053".parse().unwrap();
        let target = |port| Target { name: "a.test".into(), port, resolver };
        let line = "upload a.test:18080 --every 250ms --resolver 127.0.53.3:18053";
        let every = Duration::from_millis(250);
        assert_eq!(parse(line), Ok(Arguments::Upload { target: target(18080), every }));
        let line = "upload a.test --resolver 127.0.53.3:18053";
        assert_eq!(parse(line), Ok(Arguments::Upload { target: target(80), every: EVERY }));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (line, said) in [
            ("", "say `write`"),
            ("delete x", "no command delete"),
            ("write 127.0.0.1", "http://"),
            ("write http://a http://b", "one URL"),
            ("upload", "takes a name"),
            ("upload a.test", "--resolver is missing"),
            ("upload a.test --resolver", "--resolver lacks its value"),
            ("upload a.test --resolver 127.0.0.1", "127.0.0.1 cannot be read"),
            ("upload a.test --resolver 127.0.0.1:1 --every 0ms", "0ms cannot be read"),
            ("upload a.test:x --resolver 127.0.0.1:1", "x is no port"),
            ("upload a.test --quick yes", "no option --quick"),
        ] {
            let Usage(wrong) = parse(line).unwrap_err();
            assert!(wrong.contains(said), "{line}: {wrong}");
        }
    }
}
