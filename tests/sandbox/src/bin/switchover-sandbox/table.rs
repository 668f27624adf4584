//! The table of what listens where.

use switchover_sandbox::Sandbox;

/// Three columns: what, where, and what it is for.
pub(crate) fn listening(sandbox: &Sandbox) -> String {
    let mut rows = vec![("API".to_owned(), sandbox.api_url(), "Cloudflare's v4 DNS API".to_owned())];
    rows.push(("control".into(), sandbox.control_url(), "faults, log, reset".into()));
    for server in sandbox.gitlab_servers() {
        rows.push(("GitLab".into(), server.url(), server.name().to_owned()));
    }
    for server in sandbox.dns_servers() {
        rows.push(("DNS".into(), server.address.to_string(), server.name));
    }
    for resolver in sandbox.resolvers() {
        rows.push(("resolver".into(), resolver.address.to_string(), resolver.name));
    }
    for site in sandbox.sites() {
        let about = format!("{} {} {}", site.side, site.environment, site.name);
        rows.push(("site".into(), format!("http://{}", site.address), about));
    }
    let width = rows.iter().map(|(_, place, _)| place.len()).max().unwrap_or(0);
    let lines = rows.iter().map(|(what, place, about)| format!("{what:<9} {place:<width$}  {about}"));
    lines.collect::<Vec<_>>().join("\n") + "\n"
}
