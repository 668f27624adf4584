//! Checks of a side, asked at an address and not where the name leads.

use switchover::action::PlannedCheck;
use switchover::config::ProviderSpec;
use switchover_dns::DnsCheckOptions;
use switchover_http::{HttpCheckOptions, Method, Scheme, TcpCheckOptions};

use super::Hand;
use super::page::quoted;

impl Hand<'_> {
    pub(super) fn run_checks(&mut self, checks: &[PlannedCheck]) {
        let mut lines = Vec::new();
        for check in checks {
            match self.line(check) {
                Ok(line) => lines.push(line),
                Err(kind) => {
                    self.by_hand(&format!(
                        "see that {} passes the check `{}` ({kind}) at {}",
                        check.name, check.check, check.address
                    ));
                }
            }
        }
        if !lines.is_empty() {
            self.page.say("Every line must say what stands behind it.");
            self.page.sh(&lines.join("\n"));
        }
    }

    fn line(&self, check: &PlannedCheck) -> Result<String, String> {
        let spec = self.config.checks.get(&check.check).ok_or("no such check is configured")?;
        line(spec, check)
    }
}

fn line(spec: &ProviderSpec, check: &PlannedCheck) -> Result<String, String> {
    let kind = || spec.kind.to_string();
    match spec.kind.as_str() {
        "http" => Ok(http(&spec.options().map_err(|_| kind())?, check)),
        "tcp" => Ok(tcp(&spec.options().map_err(|_| kind())?, check)),
        "dns" => Ok(dns(&spec.options().map_err(|_| kind())?, check)),
        _ => Err(kind()),
    }
}

fn http(options: &HttpCheckOptions, check: &PlannedCheck) -> String {
    let port = options.port.unwrap_or(match options.scheme {
        Scheme::Https => 443,
        Scheme::Http => 80,
    });
    let address = match check.address {
        std::net::IpAddr::V4(v4) => v4.to_string(),
        std::net::IpAddr::V6(v6) => format!("[{v6}]"),
    };
    let name = &check.name;
    let url = quoted(&format!("{}://{name}:{port}{}", options.scheme, options.path));
    let head = match options.method {
        Method::Get => "",
        Method::Head => " --head",
    };
    let authority =
        options.ca_file.as_ref().map(|file| format!(" --cacert {}", quoted(&file.display().to_string())));
    let curl = format!(
        "curl --silent --show-error --max-time {}{head}{} --resolve {}",
        options.timeout.0.as_secs().max(1),
        authority.unwrap_or_default(),
        quoted(&format!("{name}:{port}:{address}")),
    );
    let mut line =
        format!("{curl} --output /dev/null --write-out '%{{http_code}}\\n' {url} # {}", options.status);
    for (header, value) in &options.headers {
        line += &format!(
            "\n{curl} --output /dev/null --dump-header - {url} | grep -i {} # {value}",
            quoted(&format!("^{header}:"))
        );
    }
    if let Some(text) = &options.contains {
        line += &format!("\n{curl} {url} | grep -F -m 1 {} # the line that holds it", quoted(text));
    }
    line
}

fn tcp(options: &TcpCheckOptions, check: &PlannedCheck) -> String {
    let (address, port) = (check.address, options.port);
    match &options.expect_banner {
        None => {
            format!("nc -z -w {} {address} {port} && echo open # open", options.timeout.0.as_secs().max(1))
        }
        Some(banner) => format!(
            "nc -w {} {address} {port} </dev/null | grep -a -F -m 1 {} # the line that holds it",
            options.timeout.0.as_secs().max(1),
            quoted(banner)
        ),
    }
}

fn dns(options: &DnsCheckOptions, check: &PlannedCheck) -> String {
    let name = options.name.as_ref().unwrap_or(&check.name);
    let expected = options.expect.as_deref().unwrap_or("any record");
    format!(
        "dig +short @{} -p {} {name} {} # {expected}",
        check.address,
        options.port,
        format!("{:?}", options.kind).to_uppercase()
    )
}
