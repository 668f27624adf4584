//! Finds an instance's address: what a provider that talks to the database itself needs to know.

use aws_sdk_rds::types::DbInstance;
use switchover::model::SideName;
use switchover::port::{DataError, Meter};
use switchover_aws::Connection;

use crate::error::unfit;
use crate::home::Home;

/// Where an instance is, as RDS says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The side that it belongs to.
    pub side: SideName,
    /// The instance's name.
    pub instance: String,
    /// What stays the same when the instance gets another name, and with it another address (`db-ABCDEFGHIJKL01234`).
    pub resource: String,
    /// The DNS name that leads to it. It changes with the instance's name, and with nothing else.
    pub address: String,
    /// The port.
    pub port: u16,
    /// What RDS says it is doing (`available`).
    pub status: String,
    /// The version of the engine (`15.4`).
    pub engine_version: String,
    /// The master user.
    pub master_user: String,
    /// The name of the database that was made with it, if one was.
    pub database: Option<String>,
}

impl Endpoint {
    /// Looks an instance up, in one request. For a store whose data is loaded from a backup by a provider of the database itself: RDS
    /// then only says where that database is.
    ///
    /// [`DataError::Unfit`] if there is no such instance, or if it has no address yet.
    pub async fn look_up(
        side: &SideName,
        connection: Connection,
        instance: &str,
        meter: Meter,
    ) -> Result<Self, DataError> {
        let options = crate::options::RdsSide { instance: instance.to_owned(), ..Default::default() };
        let home = Home::connect(side, options, connection, meter).await?;
        match home.instance(instance).await? {
            Some(found) => Self::of(&home, &found),
            None => Err(home.no_instance(instance).await),
        }
    }

    /// Where a described instance of a side is.
    pub(crate) fn of(home: &Home, instance: &DbInstance) -> Result<Self, DataError> {
        let place = &home.place(instance.db_instance_identifier().unwrap_or(home.live()));
        let status = instance.db_instance_status().unwrap_or("unknown").to_owned();
        let whole = instance.endpoint().and_then(|endpoint| Some((endpoint.address()?, endpoint.port()?)));
        let Some((address, port)) = whole else {
            return Err(unfit(
                place,
                &format!("it has no address yet; it is `{status}`"),
                "wait until it is available",
            ));
        };
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Ok(Self {
            side: home.side.clone(),
            resource: text(instance.dbi_resource_id()),
            instance: text(instance.db_instance_identifier()),
            address: address.to_owned(),
            port: u16::try_from(port)
                .map_err(|_| unfit(place, &format!("{port} is no port"), "look at the instance"))?,
            status,
            engine_version: text(instance.engine_version()),
            master_user: text(instance.master_username()),
            database: instance.db_name().map(str::to_owned),
        })
    }
}
