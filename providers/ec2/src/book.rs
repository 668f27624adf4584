//! The address book: looks Elastic IPs up by their `Name` tag, and says who asks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use async_trait::async_trait;
use aws_sdk_ec2::types::{Address, Filter};
use switchover::model::{AddressName, SideName};
use switchover::port::{AddressBook, AddressError, Attachment, Identity, Listing, Meter, NamedAddress};
use switchover_aws::{Account, Failure, WholeXml, plain};

use crate::identity::{SignedWith, fingerprint, shortened};
use crate::options::Ec2Options;

/// The most values that one filter may have:
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>.
const MOST_FILTER_VALUES: usize = 200;

/// The Elastic IPs of one region and account, by their `Name` tag. Clones share connections and credentials.
#[derive(Clone)]
pub struct Ec2Addresses {
    account: Account,
    ec2: aws_sdk_ec2::Client,
    sts: aws_sdk_sts::Client,
}

impl fmt::Debug for Ec2Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ec2Addresses").field(&self.account.failures().whose()).finish()
    }
}

impl Ec2Addresses {
    /// Makes the address book of one side. Reads the AWS files and the environment, and sends nothing.
    ///
    /// Fails with [`AddressError::Misconfigured`] when the files cannot be read or hold no such profile (with the name
    /// that was probably meant), when no region is given, or when a setting (`AWS_RETRY_MODE`, a time limit, the endpoint)
    /// cannot be used. Whether the credentials are good shows at the first question.
    ///
    /// Needs a Tokio runtime with time and I/O, as every method does. Each request is counted on `meter`, retries
    /// included; those that fetch temporary credentials are not.
    pub async fn connect(side: &SideName, options: Ec2Options, meter: Meter) -> Result<Self, AddressError> {
        let account = Account::connect(side, options.connection(), meter).await;
        let account = account.map_err(Failure::of_addresses)?;
        let ec2 = aws_sdk_ec2::config::Builder::from(account.sdk());
        let ec2 =
            aws_sdk_ec2::Client::from_conf(ec2.interceptor(account.watch()).interceptor(WholeXml).build());
        let sts = aws_sdk_sts::config::Builder::from(account.sdk());
        let sts =
            aws_sdk_sts::Client::from_conf(sts.interceptor(account.watch()).interceptor(WholeXml).build());
        Ok(Self { account, ec2, sts })
    }

    /// The names of all Elastic IPs that have one, in order. One request; may be repeated.
    ///
    /// A `Name` that core does not take as a name (empty, or with control characters) is left out.
    pub async fn list_all(&self) -> Result<BTreeSet<AddressName>, AddressError> {
        let all = self.describe(every_name()).await?;
        Ok(all.iter().filter_map(name_of).collect())
    }

    async fn describe(&self, filter: Filter) -> Result<Vec<Address>, AddressError> {
        let answer = self.ec2.describe_addresses().filters(filter).send().await;
        let answer = answer.map_err(|error| self.account.failures().of(&error).of_addresses())?;
        Ok(answer.addresses.unwrap_or_default())
    }

    fn unavailable(&self, why: String) -> AddressError {
        AddressError::Unavailable { whose: self.account.failures().whose().to_owned(), why }
    }

    fn listing(&self, wanted: &BTreeSet<AddressName>, all: &[Address]) -> Result<Listing, AddressError> {
        let mut found: BTreeMap<AddressName, Vec<NamedAddress>> = BTreeMap::new();
        let mut others = BTreeSet::new();
        for (name, address) in all.iter().filter_map(|address| Some((name_of(address)?, address))) {
            if wanted.contains(&name) {
                let address = self.named(&name, address)?;
                found.entry(name).or_default().push(address);
            } else {
                others.insert(name);
            }
        }
        Ok(Listing { found, others })
    }

    fn named(&self, name: &AddressName, address: &Address) -> Result<NamedAddress, AddressError> {
        let id = plain(address.allocation_id().unwrap_or("no allocation id"));
        let text = address.public_ip().unwrap_or_default();
        let public: IpAddr = text.parse().map_err(|_| {
            let text = plain(text);
            self.unavailable(format!("`{text}` is no IP address, at `{name}` ({id})"))
        })?;
        Ok(NamedAddress { id, address: public, attachment: attachment(address) })
    }
}

/// The `Name` tag. The answer to a filter with a wildcard in it may hold names that nobody asked for, so that every name
/// is compared again, in full.
fn name_of(address: &Address) -> Option<AddressName> {
    let tag = address.tags().iter().find(|tag| tag.key() == Some("Name"))?;
    AddressName::new(tag.value()?).ok()
}

/// EC2 leaves out, or sends empty, what does not apply. An address on an instance also has a network interface; one on a
/// NAT gateway or a load balancer has that alone.
fn attachment(address: &Address) -> Attachment {
    [address.instance_id(), address.network_interface_id(), address.association_id()]
        .into_iter()
        .flatten()
        .find(|id| !id.is_empty())
        .map_or(Attachment::Detached, |id| Attachment::Attached(plain(id)))
}

fn these_names<'a>(names: impl IntoIterator<Item = &'a AddressName>) -> Filter {
    let values = names.into_iter().map(|name| literal(name.as_str())).collect();
    Filter::builder().name("tag:Name").set_values(Some(values)).build()
}

fn every_name() -> Filter {
    Filter::builder().name("tag-key").values("Name").build()
}

/// In a filter `*` and `?` are wildcards, and a backslash takes that away from them and from itself:
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>.
fn literal(name: &str) -> String {
    name.chars().flat_map(|c| matches!(c, '*' | '?' | '\\').then_some('\\').into_iter().chain([c])).collect()
}

#[async_trait]
impl AddressBook for Ec2Addresses {
    /// One request when every wanted name is found. A second one, for the other names, only when one is missing. More
    /// than 200 names are looked up by listing all that there are, still in one request.
    async fn look_up(&self, wanted: &BTreeSet<AddressName>) -> Result<Listing, AddressError> {
        if wanted.is_empty() {
            return Ok(Listing::default());
        }
        if wanted.len() <= MOST_FILTER_VALUES {
            let listing = self.listing(wanted, &self.describe(these_names(wanted)).await?)?;
            if listing.found.len() == wanted.len() {
                return Ok(listing);
            }
        }
        self.listing(wanted, &self.describe(every_name()).await?)
    }

    /// One request to STS. The credential is the long-lived access key where the AWS files show it, also behind an
    /// assumed role; otherwise the key that the request was signed with.
    async fn identity(&self) -> Result<Option<Identity>, AddressError> {
        let signed = SignedWith::default();
        let question = self.sts.get_caller_identity().customize().interceptor(signed.clone());
        let answer =
            question.send().await.map_err(|error| self.account.failures().of(&error).of_addresses())?;
        let key = self.account.root_key().or(signed.key());
        let (Some(account), Some(principal), Some(key)) = (answer.account(), answer.arn(), key) else {
            return Err(self.unavailable("STS did not say which account and principal ask".to_owned()));
        };
        Ok(Some(Identity {
            account: plain(account),
            principal: plain(principal),
            credential: shortened(key),
            fingerprint: fingerprint(key),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_in_a_name_are_taken_literally() {
        assert_eq!(literal(r"eip-*?\x"), r"eip-\*\?\\x");
        assert_eq!(literal("eip-gigadb-live-gigadb"), "eip-gigadb-live-gigadb");
    }

    #[test]
    fn what_an_address_is_attached_to_is_said_by_the_best_known_id() {
        let address = Address::builder().association_id("eipassoc-1");
        let said = |builder: aws_sdk_ec2::types::builders::AddressBuilder| attachment(&builder.build());
        assert_eq!(said(Address::builder()), Attachment::Detached);
        assert_eq!(
            said(Address::builder().instance_id("")),
            Attachment::Detached,
            "EC2 may send an empty id"
        );
        assert_eq!(said(address.clone()), Attachment::Attached("eipassoc-1".into()));
        let address = address.network_interface_id("eni-1");
        assert_eq!(said(address.clone()), Attachment::Attached("eni-1".into()));
        assert_eq!(said(address.instance_id("i-1")), Attachment::Attached("i-1".into()));
    }
}
