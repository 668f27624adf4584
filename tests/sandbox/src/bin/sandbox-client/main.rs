//! The program of the clients: tries one write, or uploads until told to stop and says whether anything was lost.

mod arguments;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use switchover_sandbox::client::{Target, Written, http, upload, write};
use tokio::signal::unix::{SignalKind, signal};

use arguments::{Arguments, HELP, Usage};

/// Something was lost, or a write was refused.
const BAD: u8 = 1;
/// It could not be tried: what a shell says of a command that it cannot run, and what a store's probe says of a write.
const UNTRIED: u8 = 126;
/// Usage.
const USAGE: u8 = 64;

/// The variable by which a store names the file that its probe should write.
const PROBE: &str = "SWITCHOVER_PROBE";

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(Arguments::Help) => {
            // A reader that closed its end has seen enough.
            let _ = io::stdout().write_all(HELP.as_bytes());
            return ExitCode::SUCCESS;
        }
        Ok(arguments) => arguments,
        Err(Usage(wrong)) => return complain(USAGE, &format!("{wrong}; see --help")),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return complain(UNTRIED, &error.to_string()),
    };
    match arguments {
        Arguments::Help => ExitCode::SUCCESS,
        Arguments::Write { files } => runtime.block_on(write_once(&files)),
        Arguments::Upload { target, every } => runtime.block_on(upload_until_told(&target, every)),
    }
}

fn complain(code: u8, text: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "sandbox-client: {text}");
    ExitCode::from(code)
}

/// The name of the file that a probe should write.
fn probe() -> String {
    let wanted = std::env::var(PROBE).unwrap_or_default();
    let name = Path::new(&wanted).file_name().and_then(|name| name.to_str());
    name.unwrap_or("probe").to_owned()
}

async fn write_once(files: &str) -> ExitCode {
    let client = match http() {
        Ok(client) => client,
        Err(error) => return complain(UNTRIED, &error.to_string()),
    };
    let written = write(&client, files, &probe(), "a trial write\n".to_owned()).await;
    let _ = writeln!(io::stdout(), "{files}: {written}");
    ExitCode::from(match written {
        Written::Acknowledged => 0,
        Written::Refused(_) => BAD,
        Written::Unasked(_) => UNTRIED,
    })
}

async fn upload_until_told(target: &Target, every: Duration) -> ExitCode {
    let (mut terminate, mut interrupt) =
        match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
            (Ok(terminate), Ok(interrupt)) => (terminate, interrupt),
            (Err(error), _) | (_, Err(error)) => return complain(UNTRIED, &error.to_string()),
        };
    let told = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    match upload(target, every, told).await {
        Ok(verdict) => {
            let _ = writeln!(io::stdout(), "{verdict}");
            ExitCode::from(if verdict.is_good() { 0 } else { BAD })
        }
        Err(why) => complain(BAD, &format!("the uploads could not be asked for: {why}")),
    }
}
