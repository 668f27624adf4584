//! A guard as a database's own means would be: it freezes the data in the emulator, and knows nothing of RDS.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use switchover::model::RunId;
use switchover::port::{Access, DataError, FreezeOrder, FreezeProof, StoreProblem};
use switchover_rds::{Arrived, Copies, Endpoint, Guard};

use crate::control::Pair;

pub(crate) struct DatabaseGuard(pub(crate) Arc<Pair>);

impl std::fmt::Debug for DatabaseGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabaseGuard")
    }
}

fn time(seconds: &Value) -> Option<Timestamp> {
    seconds.as_f64().map(|seconds| Timestamp::UNIX_EPOCH + Duration::from_secs_f64(seconds))
}

impl DatabaseGuard {
    /// The side is told by the address, as the one who connects to it would be.
    async fn ask(&self, at: &Endpoint, what: &str, more: Value) -> Result<Value, DataError> {
        let mut regions = ["hongkong", "sydney"].into_iter();
        let side = regions.find(|side| at.address.contains(&self.0.of(side, "region"))).unwrap();
        let mut told = json!({ "do": what, "name": at.instance });
        told.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.0
            .tell("guard", side, told)
            .await
            .map_err(|error| DataError::Unreachable { place: at.address.clone(), why: error.to_string() })
    }
}

#[async_trait]
impl Copies for DatabaseGuard {
    async fn freeze_copy(&self, at: &Endpoint, by: &RunId) -> Result<(), DataError> {
        self.ask(at, "adopt", json!({ "by": by })).await.map(|_| ())
    }

    async fn arrived(&self, _: &Endpoint, to: &Endpoint) -> Result<Arrived, DataError> {
        let answer = self.ask(to, "arrived", json!({})).await?;
        Ok(Arrived {
            everything: answer["everything"] == true,
            up_to: None,
            position: answer["position"].as_str().map(str::to_owned),
        })
    }
}

#[async_trait]
impl Guard for DatabaseGuard {
    async fn access(&self, at: &Endpoint) -> Result<Access, DataError> {
        let seen = self.ask(at, "access", json!({})).await?;
        let by = || RunId::new(seen["by"].as_str().unwrap()).unwrap();
        Ok(match seen["access"].as_str().unwrap() {
            "writable" => Access::Writable,
            "frozen" => Access::Frozen { by: by(), until: time(&seen["until"]) },
            _ => Access::Lapsed { by: by(), at: time(&seen["until"]).unwrap() },
        })
    }

    async fn problems(&self, _: &Endpoint) -> Result<Vec<StoreProblem>, DataError> {
        Ok(Vec::new())
    }

    async fn freeze(&self, at: &Endpoint, order: &FreezeOrder) -> Result<(), DataError> {
        let lease = order.lease.map(|lease| lease.as_secs_f64());
        let answer = self.ask(at, "hold", json!({ "by": order.by, "lease": lease })).await?;
        match time(&answer["lapsed"]) {
            None => Ok(()),
            Some(lapsed) => Err(DataError::Lapsed { place: at.address.clone(), at: lapsed }),
        }
    }

    async fn prove(&self, at: &Endpoint) -> Result<FreezeProof, DataError> {
        let answer = self.ask(at, "prove", json!({})).await?;
        if answer["passed"] == true {
            return Err(DataError::NotFrozen {
                place: at.address.clone(),
                why: "a write went through".into(),
            });
        }
        Ok(FreezeProof {
            attempts: u32::try_from(answer["attempts"].as_u64().unwrap()).unwrap(),
            refused: answer["refused"].as_str().unwrap().to_owned(),
            position: None,
            still_ms: 1,
        })
    }

    async fn thaw(&self, at: &Endpoint) -> Result<(), DataError> {
        self.ask(at, "release", json!({})).await.map(|_| ())
    }
}
