//! Core's port `NameService`: reads and changes the zones of one primary server.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_util::future::{Either, select};
use hickory_proto::op::{Message, MessageType, OpCode};
use secrecy::SecretString;
use switchover::model::{DnsName, Record, ZoneName};
use switchover::port::{Clock, Meter, NameError, NameService, RecordChange, ZoneView};

use crate::answer::{Asked, Outcome};
use crate::conflict;
use crate::key::{Key, Opened, Seal, Signed};
use crate::options::{Rfc2136Error, Rfc2136Options, refuse_bad_server};
use crate::read::{Ask, Progress, Transfer};
use crate::talk::{Broken, Deadline, Listener, Speaker, connect};
use crate::update::{self, SetChange, Unfit};

/// The shortest `in_flight`: half of it is what the clocks may differ by, and a second is lost to rounding.
const SHORTEST_IN_FLIGHT: Duration = Duration::from_secs(10);

/// As many questions as are on the way at once on one connection. Each needs an id of its own, and servers stop reading
/// when too many are open.
const MOST_ON_THE_WAY: usize = 500;

/// The zones of one primary server, by DNS UPDATE with TSIG. See the crate's front page for what it promises.
///
/// Needs a tokio runtime with I/O and time enabled. Holds no connection between calls.
#[derive(Debug)]
pub struct Rfc2136 {
    options: Rfc2136Options,
    key: Key,
    meter: Meter,
    clock: Option<Arc<dyn Clock>>,
    /// The zones that could not be transferred; they are read name by name from then on.
    no_transfer: Mutex<BTreeSet<ZoneName>>,
}

/// A connection in use.
struct Talk {
    speaker: Speaker,
    listener: Listener,
    deadline: Deadline,
}

impl Rfc2136 {
    /// A name service as the options say, with the secret that `options.key` refers to (in base64). Each message sent
    /// is counted in `meter`. Does not connect yet.
    pub fn new(options: Rfc2136Options, secret: &SecretString, meter: Meter) -> Result<Self, Rfc2136Error> {
        refuse_bad_server(&options.server)?;
        if options.in_flight.0 < SHORTEST_IN_FLIGHT {
            return Err(Rfc2136Error::InFlight(options.in_flight));
        }
        let key = Key::new(&options, secret)?;
        Ok(Self { options, key, meter, clock: None, no_transfer: Mutex::default() })
    }

    /// Takes the time that signatures name from this clock instead of the machine's.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// Seconds since 1970; a clock before that reads as 1970, and the server refuses it.
    fn now(&self) -> u64 {
        match &self.clock {
            Some(clock) => u64::try_from(clock.now().as_second()).unwrap_or(0),
            None => SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
        }
    }

    fn asked<'a>(&'a self, zone: &'a ZoneName) -> Asked<'a> {
        Asked { zone, key_name: &self.options.key_name, fudge: self.key.fudge(), at: self.now() }
    }

    async fn connect(&self, zone: &ZoneName, limit: Duration) -> Result<Talk, NameError> {
        let deadline = Deadline::after(limit);
        let server = &self.options.server;
        match connect(server, &self.meter, deadline).await {
            Ok((speaker, listener)) => Ok(Talk { speaker, listener, deadline }),
            Err(broken) => Err(unavailable(zone, &format!("{server}: {broken}"))),
        }
    }

    fn sign(&self, zone: &ZoneName, message: Message) -> Result<Signed, NameError> {
        let too_large = || rejected(zone, "the message cannot be put into DNS wire format");
        self.key.sign(message, self.now()).ok_or_else(too_large)
    }

    /// Whether a zone is worth trying to transfer.
    fn may_transfer(&self, zone: &ZoneName) -> bool {
        !self.no_transfer.lock().unwrap_or_else(PoisonError::into_inner).contains(zone)
    }

    fn forgo_transfer(&self, zone: &ZoneName) {
        self.no_transfer.lock().unwrap_or_else(PoisonError::into_inner).insert(zone.clone());
    }

    /// The whole zone; `None` if the server does not hand it over, or it is too large, or takes too long.
    async fn transfer(&self, zone: &ZoneName, limit: Duration) -> Result<Option<Vec<Record>>, NameError> {
        let mut talk = self.connect(zone, limit).await?;
        let ask = Ask::transfer(zone).map_err(|unfit| misfit(zone, &unfit))?;
        let request = self.sign(zone, ask.message(first_id()))?;
        if talk.deadline.keep(talk.speaker.send(&request.bytes)).await.is_err() {
            return Ok(None);
        }
        let Ok(arrived) = talk.deadline.keep(self.receive_zone(&mut talk.listener, request.mac)).await else {
            return Ok(None);
        };
        Ok(arrived.map(Transfer::into_records))
    }

    /// Every message of a transfer must be signed, each over the one before. A server that signs only some of them (RFC 8945
    /// section 5.3.1 lets it) is read name by name.
    async fn receive_zone(
        &self,
        listener: &mut Listener,
        mut previous: Vec<u8>,
    ) -> std::io::Result<Option<Transfer>> {
        let mut transfer = Transfer::default();
        let mut first = true;
        loop {
            let bytes = listener.receive().await?;
            let Some(opened) = self.key.open(&bytes, &previous, first, self.now()) else { return Ok(None) };
            if opened.seal != Seal::Good {
                return Ok(None);
            }
            match transfer.take(&opened.message, bytes.len()) {
                Progress::More => (first, previous) = (false, opened.mac),
                Progress::Complete => return Ok(Some(transfer)),
                Progress::Unusable => return Ok(None),
            }
        }
    }

    /// Reads some names, question by question, on one connection, after the proof that the server speaks for the zone.
    async fn query(
        &self,
        zone: &ZoneName,
        names: &BTreeSet<DnsName>,
        limit: Duration,
    ) -> Result<Vec<Record>, NameError> {
        let unfit = |unfit: Unfit| misfit(zone, &unfit);
        let apex = Ask::apex(zone).map_err(unfit)?;
        let asks: Vec<Ask> = [vec![apex], Ask::all(names).map_err(unfit)?].concat();
        let mut talk = self.connect(zone, limit).await?;
        let mut records = Vec::new();
        for (round, some) in asks.chunks(MOST_ON_THE_WAY).enumerate() {
            let answers = self.ask(zone, &mut talk, some).await?;
            for (place, (ask, answer)) in some.iter().zip(&answers).enumerate() {
                if (round, place) == (0, 0) && ask.records(answer).is_empty() {
                    return Err(self.asked(zone).no_zone());
                }
                if !answer.metadata.authoritative {
                    let why =
                        format!("the server does not speak for {}: it is delegated to another", ask.name);
                    return Err(rejected(zone, &why));
                }
                records.extend(ask.records(answer));
            }
        }
        Ok(records)
    }

    /// Puts questions and returns their answers in the same order. All are sent without waiting; answers may come in any order
    /// (RFC 7766 section 7).
    async fn ask(&self, zone: &ZoneName, talk: &mut Talk, asks: &[Ask]) -> Result<Vec<Message>, NameError> {
        let asked = self.asked(zone);
        let start = first_id();
        let ids: Vec<u16> = (0u16..).zip(asks).map(|(n, _)| start.wrapping_add(n)).collect();
        let requests = asks.iter().zip(&ids).map(|(ask, id)| self.sign(zone, ask.message(*id)));
        let requests: Vec<Signed> = requests.collect::<Result<_, _>>()?;
        let mut received = Vec::new();
        let ended = talk
            .deadline
            .keep(converse(&mut talk.speaker, &mut talk.listener, &requests, &mut received))
            .await;

        // What came before the connection broke is heard first: a refusal, and then the server hangs up.
        let mut answers = BTreeMap::new();
        for bytes in &received {
            let (id, answer) = self.match_answer(asked, bytes, &ids, asks, &requests)?;
            answers.insert(id, answer);
        }
        ended.map_err(|Broken(why)| asked.unusable(&format!("{}: {why}", self.options.server)))?;
        let in_order: Option<Vec<Message>> = ids.iter().map(|id| answers.remove(id)).collect();
        in_order.ok_or_else(|| asked.unusable("a question was answered twice, and another one not"))
    }

    /// Finds the question that a message answers, by its id, and checks the answer.
    fn match_answer(
        &self,
        asked: Asked<'_>,
        bytes: &[u8],
        ids: &[u16],
        asks: &[Ask],
        requests: &[Signed],
    ) -> Result<(u16, Message), NameError> {
        let stray = || asked.unusable("the server sent what answers no question");
        let id = bytes.first_chunk().map(|id| u16::from_be_bytes(*id)).ok_or_else(stray)?;
        let place = ids.iter().position(|own| *own == id).ok_or_else(stray)?;
        let (ask, request) = asks.get(place).zip(requests.get(place)).ok_or_else(stray)?;
        let opened = self.key.open(bytes, &request.mac, true, self.now()).ok_or_else(stray)?;
        if !ask.is_answered_by(&opened.message) {
            return Err(stray());
        }
        asked.refusal(&opened).map_or(Ok((id, opened.message)), Err)
    }

    /// Sends one update and says what became of it.
    async fn submit(&self, zone: &ZoneName, batch: &[SetChange]) -> Result<(), NameError> {
        let id = first_id();
        let message = update::message(zone, batch, id).map_err(|unfit| misfit(zone, &unfit))?;
        let mut talk = self.connect(zone, self.options.timeout.0).await?;
        let asked = self.asked(zone);
        let request = self.sign(zone, message)?;
        let sent = talk.deadline.keep(talk.speaker.send(&request.bytes)).await;
        sent.map_err(|Broken(why)| asked.unusable(&why))?;
        // From here on the server may have applied it.
        let outcome = match talk.deadline.keep(talk.listener.receive()).await {
            Ok(bytes) => self.judge(asked, id, &request, &bytes),
            Err(Broken(why)) => Outcome::Unknown(why),
        };
        match outcome {
            Outcome::Done => Ok(()),
            Outcome::Stale => Err(self.conflict(zone, batch).await),
            Outcome::Refused(error) => Err(error),
            Outcome::NotAccepted(error) => Err(self.reason(zone, error).await),
            Outcome::Unknown(why) => Err(NameError::Unknown { zone: zone.clone(), why }),
        }
    }

    fn judge(&self, asked: Asked<'_>, id: u16, request: &Signed, bytes: &[u8]) -> Outcome {
        let Some(opened) = self.key.open(bytes, &request.mac, true, self.now()) else {
            return Outcome::Unknown("the answer is no DNS message".into());
        };
        if is_update_answer(&opened, id) {
            asked.outcome(&opened)
        } else {
            Outcome::Unknown("the answer is to something else".into())
        }
    }

    /// Why a key is not accepted for an update: if the server answers a question that is signed with it, the key is good
    /// and may not update.
    async fn reason(&self, zone: &ZoneName, doubt: NameError) -> NameError {
        match self.query(zone, &BTreeSet::new(), self.options.timeout.0).await {
            Ok(_) => self.asked(zone).may_not_update(None),
            Err(error @ (NameError::Unauthorized { .. } | NameError::ZoneNotFound { .. })) => error,
            Err(
                NameError::Forbidden { .. }
                | NameError::Throttled { .. }
                | NameError::Conflict { .. }
                | NameError::Rejected { .. }
                | NameError::Unavailable { .. }
                | NameError::Unknown { .. },
            ) => doubt,
        }
    }

    /// Names the record sets that are not what they should be, by a fresh read.
    async fn conflict(&self, zone: &ZoneName, batch: &[SetChange]) -> NameError {
        let names = batch.iter().map(|change| change.key.name.clone()).collect();
        let fresh = self.read(zone, &names).await.ok();
        let records = conflict::account(batch, fresh.as_ref());
        NameError::Conflict { zone: zone.clone(), records }
    }
}

fn is_update_answer(opened: &Opened, id: u16) -> bool {
    let metadata = &opened.message.metadata;
    metadata.id == id && metadata.message_type == MessageType::Response && metadata.op_code == OpCode::Update
}

/// Sends while it listens, so that neither side waits for the other to read. Ends with the last answer, or when the server
/// hangs up; a failure to send is told by what the server said before it.
async fn converse(
    speaker: &mut Speaker,
    listener: &mut Listener,
    requests: &[Signed],
    received: &mut Vec<Vec<u8>>,
) -> std::io::Result<()> {
    let listening = pin!(async {
        while received.len() < requests.len() {
            received.push(listener.receive().await?);
        }
        Ok(())
    });
    let speaking = pin!(async {
        for request in requests {
            speaker.send(&request.bytes).await?;
        }
        Ok::<(), std::io::Error>(())
    });
    match select(listening, speaking).await {
        Either::Left((heard, _)) => heard,
        Either::Right((_, listening)) => listening.await,
    }
}

/// A random id to start from.
fn first_id() -> u16 {
    Message::query().metadata.id
}

/// Servers give the records of a set in turns; a view has them in one order.
fn view(zone: &ZoneName, mut records: Vec<Record>) -> ZoneView {
    records.sort_by(|a, b| (&a.name, &a.value.data).cmp(&(&b.name, &b.value.data)));
    ZoneView { zone: zone.clone(), records, minimum_ttl: None }
}

fn unavailable(zone: &ZoneName, why: &str) -> NameError {
    NameError::Unavailable { zone: zone.clone(), why: why.to_owned() }
}

fn rejected(zone: &ZoneName, message: &str) -> NameError {
    NameError::Rejected { zone: zone.clone(), code: None, message: message.to_owned() }
}

fn misfit(zone: &ZoneName, unfit: &Unfit) -> NameError {
    rejected(zone, &unfit.to_string())
}

#[async_trait]
impl NameService for Rfc2136 {
    /// Transfers the whole zone in one request if the key may; otherwise asks for each name and type on one connection: A,
    /// AAAA, CNAME, HTTPS, NS, MX, TXT, CAA and SRV. Records that the server makes to sign the zone are left out.
    async fn read(&self, zone: &ZoneName, names: &BTreeSet<DnsName>) -> Result<ZoneView, NameError> {
        if let Some(name) = names.iter().find(|name| !name.is_within(zone.apex())) {
            return Err(misfit(zone, &Unfit::Outside(name.clone())));
        }
        let limit = self.options.timeout.0;
        let began = tokio::time::Instant::now();
        if !self.may_transfer(zone) {
            return Ok(view(zone, self.query(zone, names, limit).await?));
        }
        // Half of the time, so that a transfer that hangs leaves some for the questions.
        if let Some(records) = self.transfer(zone, limit / 2).await? {
            return Ok(view(zone, records));
        }
        let records = self.query(zone, names, limit.saturating_sub(began.elapsed())).await?;
        // Only now: a key that is not accepted at all says nothing about transfers.
        self.forgo_transfer(zone);
        Ok(view(zone, records))
    }

    /// One UPDATE per zone, atomic by the server's own comparison. A set of changes over 60 kB is split.
    async fn change(&self, zone: &ZoneName, changes: &[RecordChange]) -> Result<(), NameError> {
        let sets = update::changes(zone, changes).map_err(|unfit| misfit(zone, &unfit))?;
        let (total, mut done) = (sets.len(), 0);
        for batch in update::batches(sets) {
            match self.submit(zone, &batch).await {
                Ok(()) => done += batch.len(),
                Err(error) if done == 0 => return Err(error),
                Err(error) => {
                    let why = format!("{done} of {total} record sets were changed, and then: {error}");
                    return Err(NameError::Unknown { zone: zone.clone(), why });
                }
            }
        }
        Ok(())
    }

    /// Sends an update whose prerequisites are the records as they were read, and which drops from each set a value that
    /// the set does not hold.
    async fn prove_write(&self, zone: &ZoneName, records: &[Record]) -> Result<(), NameError> {
        let sets = update::unchanged(zone, records).map_err(|unfit| misfit(zone, &unfit))?;
        for batch in update::batches(sets) {
            match self.submit(zone, &batch).await {
                // There was nothing to apply, whatever became of it.
                Err(NameError::Unknown { zone, why }) => return Err(NameError::Unavailable { zone, why }),
                done => done?,
            }
        }
        Ok(())
    }

    fn in_flight(&self) -> Duration {
        self.options.in_flight.0
    }
}

#[cfg(test)]
mod tests;
