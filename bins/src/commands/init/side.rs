//! What a person says about one side: its name, and how its addresses are known.

use std::net::IpAddr;
use std::str::FromStr;

use switchover::model::{IdError, SideName};

/// One side as it is wished for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SideWish {
    /// Its name.
    pub name: SideName,
    /// How its addresses are known.
    pub at: SideAt,
}

/// How the addresses of a side are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SideAt {
    /// Nothing was said about them.
    Unsaid,
    /// They are Elastic IPs.
    Ec2 {
        /// The AWS profile that sees them.
        profile: String,
        /// Their region; the profile's own if left out.
        region: Option<String>,
    },
    /// They are those of the zones' addresses that lie in these networks.
    Networks(Vec<Network>),
}

/// Why a text says nothing about a side.
#[derive(Debug, thiserror::Error)]
pub enum SideError {
    /// The side's name is none.
    #[error(transparent)]
    Name(#[from] IdError),
    /// What comes after the name cannot be understood.
    #[error(
        "`{0}` is neither an AWS profile and region (`Upstream/ap-east-1`) nor networks (`192.0.2.0/24,198.51.100.7`)"
    )]
    At(String),
}

impl FromStr for SideWish {
    type Err = SideError;

    fn from_str(text: &str) -> Result<Self, SideError> {
        match text.split_once('=') {
            None => Ok(Self { name: SideName::new(text)?, at: SideAt::Unsaid }),
            Some((name, at)) => Ok(Self { name: SideName::new(name)?, at: at.parse()? }),
        }
    }
}

impl FromStr for SideAt {
    type Err = SideError;

    fn from_str(text: &str) -> Result<Self, SideError> {
        let wrong = || SideError::At(text.escape_debug().to_string());
        if let Some(networks) = text.split(',').map(|part| part.trim().parse().ok()).collect() {
            return Ok(Self::Networks(networks));
        }
        // A mistyped network must not become a profile.
        if text.chars().all(|c| c.is_ascii_hexdigit() || ".:/, ".contains(c))
            && text.contains(['.', ':', ','])
        {
            return Err(wrong());
        }
        let (profile, region) = match text.rsplit_once('/') {
            Some((profile, region)) => (profile, Some(region)),
            None => (text, None),
        };
        let good = |part: &str| !part.trim().is_empty() && !part.chars().any(char::is_control);
        if !good(profile) || !region.is_none_or(good) {
            return Err(wrong());
        }
        Ok(Self::Ec2 {
            profile: profile.trim().to_owned(),
            region: region.map(|region| region.trim().to_owned()),
        })
    }
}

/// An address, or all addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u32,
}

/// A text that is no network.
#[derive(Debug, thiserror::Error)]
#[error("no network")]
pub struct NetworkError;

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().map_err(|_| NetworkError)?)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let most = width(first);
        match bits.unwrap_or(most) {
            bits if bits <= most => Ok(Self { first, bits }),
            _ => Err(NetworkError),
        }
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address in the highest bits of a number.
fn aligned(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl Network {
    /// Whether an address lies in the network.
    pub fn contains(&self, address: IpAddr) -> bool {
        let differ = aligned(self.first) ^ aligned(address);
        self.first.is_ipv4() == address.is_ipv4() && differ.leading_zeros() >= self.bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SideAt {
        text.parse::<SideWish>().unwrap().at
    }

    #[test]
    fn a_side_is_a_name_alone_or_with_a_profile_or_networks() {
        assert_eq!(at("hongkong"), SideAt::Unsaid);
        let region = Some("ap-east-1".to_owned());
        assert_eq!(at("hongkong=Upstream/ap-east-1"), SideAt::Ec2 { profile: "Upstream".into(), region });
        assert_eq!(at("hongkong=Upstream"), SideAt::Ec2 { profile: "Upstream".into(), region: None });
        let SideAt::Networks(networks) = at("hongkong=192.0.2.0/25, 2001:db8::7") else { panic!("networks") };
        let lies = |text: &str| networks.iter().any(|network| network.contains(text.parse().unwrap()));
        assert!(lies("192.0.2.127") && lies("2001:db8::7"));
        assert!(!lies("192.0.2.128") && !lies("2001:db8::8") && !lies("::c000:201"));
    }

    #[test]
    fn the_widest_network_holds_every_address_of_its_family() {
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("203.0.113.9".parse().unwrap()) && !all.contains("::1".parse().unwrap()));
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in [
            "hongkong=",
            "hongkong=/",
            "hongkong=a/",
            "hongkong=192.0.2.0/33",
            "hongkong=192.0.2.",
            "h k=a/b",
        ] {
            assert!(text.parse::<SideWish>().is_err(), "{text}");
        }
    }
}
