//! The recursive resolvers of this machine, as `/etc/resolv.conf` names them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The port that DNS servers listen on (RFC 1035 section 4.2).
pub(crate) const PORT: u16 = 53;

/// Reads the machine's resolvers anew: a laptop changes them while it runs.
///
/// A file that is missing or names no server means the one on this machine, as resolv.conf(5) has it.
pub(crate) fn resolvers() -> Vec<SocketAddr> {
    parse(&std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default())
}

fn parse(text: &str) -> Vec<SocketAddr> {
    let named: Vec<SocketAddr> = text.lines().filter_map(nameserver).collect();
    if named.is_empty() { vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT)] } else { named }
}

/// The address on a `nameserver` line. One with a zone index (`fe80::1%eth0`) is passed over: the index is not known here.
fn nameserver(line: &str) -> Option<SocketAddr> {
    let mut words = line.split_whitespace();
    (words.next() == Some("nameserver"))
        .then(|| words.next())??
        .parse()
        .ok()
        .map(|ip| SocketAddr::new(ip, PORT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_of_a_resolv_conf_are_found_in_order() {
        let text = "# nameserver 9.9.9.9\nsearch a.org\nnameserver 10.0.0.2\n;x\nnameserver\t::1 # two\nnameserver fe80::1%eth0\n";
        assert_eq!(parse(text), ["10.0.0.2:53".parse().unwrap(), "[::1]:53".parse().unwrap()]);
    }

    #[test]
    fn without_a_server_it_is_the_one_on_this_machine() {
        assert_eq!(parse("search a.org\n"), ["127.0.0.1:53".parse().unwrap()]);
    }
}
