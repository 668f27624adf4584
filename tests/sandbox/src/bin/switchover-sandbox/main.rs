//! The program: runs a sandbox until it is told to stop, or for as long as a command runs.

mod arguments;
mod child;
mod table;

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use secrecy::ExposeSecret;
use switchover_sandbox::{Sandbox, Seed, StartError};
use tokio::signal::unix::{SignalKind, signal};

use arguments::{Arguments, HELP, Usage};

/// Exit codes of the project: 64 usage, 78 configuration, 1 anything else.
const USAGE: u8 = 64;
const CONFIGURATION: u8 = 78;
const FAILED: u8 = 1;

fn main() -> ExitCode {
    let run = match Arguments::parse(std::env::args_os().skip(1)) {
        Ok(Arguments::Help) => return said(HELP),
        Ok(Arguments::Version) => {
            return said(concat!("switchover-sandbox ", env!("CARGO_PKG_VERSION"), "\n"));
        }
        Ok(Arguments::Run { seed, command }) => (seed, command),
        Err(Usage(wrong)) => return complain(USAGE, &format!("{wrong}; see --help")),
    };
    let seed = match Seed::read(&run.0) {
        Ok(seed) => seed,
        Err(error) => return complain(CONFIGURATION, &with_causes(&error)),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return complain(FAILED, &with_causes(&error)),
    };
    let code = runtime.block_on(run_sandbox(seed, &run.1));
    // Requests that hang are of no interest any more.
    runtime.shutdown_background();
    code.unwrap_or_else(|error| {
        let in_seed = matches!(error.downcast_ref(), Some(StartError::Seed(_)));
        complain(if in_seed { CONFIGURATION } else { FAILED }, &with_causes(error.as_ref()))
    })
}

fn said(text: &str) -> ExitCode {
    // A reader that closed its end has seen enough.
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn complain(code: u8, text: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "switchover-sandbox: {text}");
    ExitCode::from(code)
}

fn with_causes(error: &(dyn Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

async fn run_sandbox(seed: Seed, command: &[OsString]) -> Result<ExitCode, Box<dyn Error>> {
    let sandbox = Sandbox::start(seed).await?;
    let code = match command {
        [] => until_told(&sandbox).await?,
        [program, arguments @ ..] => {
            // What the command says on stdout is its own.
            let _ = write!(io::stderr(), "{}", table::listening(&sandbox));
            child::run(program, arguments, environment(&sandbox)).await?
        }
    };
    sandbox.shutdown().await;
    Ok(code)
}

async fn until_told(sandbox: &Sandbox) -> io::Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    said(&table::listening(sandbox));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// What the command needs to find the sandbox.
fn environment(sandbox: &Sandbox) -> Vec<(&'static str, String)> {
    let addresses = |servers: Vec<switchover_sandbox::NameServer>| {
        servers.iter().map(|server| server.address.to_string()).collect::<Vec<_>>().join(",")
    };
    let mut variables = vec![
        ("SANDBOX_API", sandbox.api_url()),
        ("SANDBOX_CONTROL", sandbox.control_url()),
        ("SANDBOX_DNS", addresses(sandbox.dns_servers())),
        ("SANDBOX_RESOLVER", addresses(sandbox.resolvers())),
    ];
    if let Some(token) = sandbox.first_token() {
        variables.push(("CLOUDFLARE_API_TOKEN", token.expose_secret().to_owned()));
    }
    if let Some(server) = sandbox.gitlab_servers().first() {
        variables.push(("SANDBOX_GITLAB", server.url()));
        if let Some(token) = server.first_token() {
            variables.push(("GITLAB_TOKEN", token.expose_secret().to_owned()));
        }
    }
    variables
}
